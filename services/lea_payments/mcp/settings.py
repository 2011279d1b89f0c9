"""Reads the settings of the MCP server."""

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from lea_payments.mcp.caps import Limits
from lea_payments.payment.money import CURRENCIES
from lea_payments.secrets.fields import (
    CheckoutTokenList,
    McpTokenFile,
    McpTokenList,
    SecretList,
    TokenFile,
)
from lea_payments.settings import MEANING_OF_API_TOKENS, Port, Settings

STATE_SECRET_LENGTH = 32
_AMOUNT = re.compile(r"([A-Za-z]{3})=([1-9][0-9]{0,14})")


def _amounts(value: object) -> object:
    """Reads `SGD=500000,MYR=200000`."""
    if not isinstance(value, str):
        return value
    result: dict[str, int] = {}
    for item in (item.strip() for item in value.split(",")):
        match = _AMOUNT.fullmatch(item)
        if match is None or match[1].lower() not in CURRENCIES or match[1].lower() in result:
            raise ValueError(
                "not a list of caps; set one for each currency in minor units, such as SGD=500000,MYR=200000"
            )
        result[match[1].lower()] = int(match[2])
    return result


Amounts = Annotated[Mapping[str, int], NoDecode, BeforeValidator(_amounts)]


class McpSettings(Settings):
    """The settings of the tools, which a desktop client starts over stdio."""

    checkout_url: str = Field(
        validation_alias="MCP_CHECKOUT_URL", pattern=r"^https?://\S+$", description="URL of the checkout API"
    )
    api_token_file: TokenFile = None
    api_tokens: CheckoutTokenList = Field(
        (),
        validation_alias="PAYMENTS_API_TOKEN",
        validate_default=True,
        min_length=1,
        description=MEANING_OF_API_TOKENS,
    )
    max_amount: Amounts = Field(
        validation_alias="MCP_MAX_AMOUNT",
        description="the highest amount of one payment in minor units, for each currency that the agent may sell in, "
        "such as `SGD=500000,MYR=200000`",
    )
    hourly_amount: Amounts = Field(
        validation_alias="MCP_HOURLY_AMOUNT",
        description="the highest total of the links of one hour, for each of these currencies",
    )
    hourly_links: Annotated[int, Field(ge=1)] = Field(
        100, validation_alias="MCP_HOURLY_LINKS", description="how many links may be created in one hour"
    )
    replicas: Annotated[int, Field(ge=1)] = Field(
        1,
        validation_alias="MCP_REPLICAS",
        description="the highest number of replicas: each one keeps its own count and may use this part of the caps "
        "per hour",
    )

    @model_validator(mode="after")
    def _caps_fit_together(self) -> Self:
        missing = sorted(self.max_amount.keys() - self.hourly_amount.keys())
        if missing:
            raise ValueError(f"MCP_HOURLY_AMOUNT lacks {missing[0].upper()}, which MCP_MAX_AMOUNT has: add it")
        if self.hourly_links < self.replicas:
            raise ValueError("MCP_HOURLY_LINKS is less than MCP_REPLICAS, so no replica could create a link: raise it")
        return self

    def limits(self) -> Limits:
        """The caps of this process: its part of the caps per hour, so that all replicas together keep to them."""
        hourly = {currency: amount // self.replicas for currency, amount in self.hourly_amount.items()}
        return Limits(self.max_amount, hourly, self.hourly_links // self.replicas)

    def summary(self) -> dict[str, object]:
        """Adds the checkout API and the caps."""
        return super().summary() | {
            "checkout": self.checkout_url,
            "max_amount": self.max_amount,
            "hourly_amount": self.hourly_amount,
            "hourly_links": self.hourly_links,
            "replicas": self.replicas,
        }


class McpServiceSettings(McpSettings):
    """The settings of the service that serves the tools over HTTP."""

    port: Port = Field(8080, validation_alias="PORT", description="port that the service listens on")
    mcp_token_file: McpTokenFile = None
    mcp_tokens: McpTokenList = Field(
        (),
        validation_alias="MCP_TOKEN",
        validate_default=True,
        min_length=1,
        description="bearer token of the agents, at least 16 characters; several, comma-separated",
    )
    state_secrets: SecretList = Field(
        validation_alias="MCP_STATE_SECRET",
        min_length=1,
        description="secret of at least 32 characters, the same for all replicas: seals what an agent sends back in "
        "`collect_payment`; during a rotation several, comma-separated, the current one first",
    )
    allowed_hosts: SecretList = Field(
        (),
        validation_alias="MCP_ALLOWED_HOSTS",
        description="host names by which clients reach the service, comma-separated; others are refused; default: all, "
        "or those of this machine if `HOST` is one of its own addresses",
    )
    allowed_origins: SecretList = Field(
        (),
        validation_alias="MCP_ALLOWED_ORIGINS",
        description="origins of web pages that may call the service, comma-separated, such as `https://agent.example`; "
        "default: none",
    )

    @model_validator(mode="after")
    def _state_secrets_are_long(self) -> Self:
        if any(len(secret) < STATE_SECRET_LENGTH for secret in self.state_secrets):
            raise ValueError(
                "MCP_STATE_SECRET has fewer than 32 characters: create one with `openssl rand -hex 32` for all replicas"
            )
        if len({*self.state_secrets}) < len(self.state_secrets):
            raise ValueError("MCP_STATE_SECRET has a secret twice: remove one")
        return self

    def summary(self) -> dict[str, object]:
        """Adds the number of tokens."""
        return super().summary() | {"tokens": len(self.mcp_tokens)}
