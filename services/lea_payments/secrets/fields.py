"""Defines the types of the settings that hold secrets; each is valid only beside the endpoints that are set."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from lea_payments.secrets.file import read_text
from lea_payments.secrets.rules import API_KEY, API_TOKEN, SIGNING_SECRET, SecretError, SecretKind, is_local, split_list


def mode_of(key: str) -> str:
    """The mode of a Stripe API key, `live` or `test`; empty if the text is not an API key."""
    kind, _, rest = key.partition("_")
    mode = rest.partition("_")[0]
    return mode if kind in ("sk", "rk") and mode in ("test", "live") else ""


def is_development(endpoint: str, *, livemode: bool, key: str = "") -> bool:
    """Whether no real money is at stake: test mode, and a table on this machine or in this cluster."""
    return is_local(endpoint) and not livemode and mode_of(key) != "live"


def _has_development_settings(fields: Mapping[str, Any]) -> bool:
    endpoint, key = fields.get("ddb_endpoint", ""), fields.get("stripe_secret_key", "")
    return is_development(endpoint, livemode=fields.get("livemode", False), key=key)


def _has_local_stripe(fields: Mapping[str, Any]) -> bool:
    return is_local(fields.get("stripe_api_base", ""))


def _has_local_checkout(fields: Mapping[str, Any]) -> bool:
    return is_local(fields.get("checkout_url", ""))


def _valid(kind: SecretKind, is_local_with: Callable[[Mapping[str, Any]], bool]) -> AfterValidator:
    """Rejects what is not a secret of this kind. A field of this type stands below the fields that it depends on."""

    def validate(value: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        secrets = (value,) if isinstance(value, str) else value
        if problem := kind.problem(secrets, is_local=is_local_with(info.data)):
            raise ValueError(problem)
        return value

    return AfterValidator(validate)


def _from_file(field: str, variable: str, *, required: bool) -> BeforeValidator:
    """Takes the text of the file that another field names, if it names one. That field stands above this one."""

    def text(value: object, info: ValidationInfo) -> object:
        file = info.data.get(field)
        if file is None:
            if required and not value:
                raise ValueError("Field required")
            return value
        try:
            return read_text(file)
        except SecretError as error:
            raise ValueError(f"{variable}: {error}") from None

    return BeforeValidator(text)


def _listed(value: object) -> object:
    return split_list(value) if isinstance(value, str) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


SecretList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
SigningSecretList = Annotated[SecretList, _valid(SIGNING_SECRET, _has_development_settings)]

KeyFile = Annotated[
    Path | None,
    Field(
        validation_alias="STRIPE_SECRET_KEY_FILE",
        description="file of only the key instead; read again when it changes, so a rotation needs no restart",
    ),
]
KEY_FROM_FILE = _from_file("stripe_secret_key_file", "STRIPE_SECRET_KEY_FILE", required=True)
KEY_FROM_FILE_IF_SET = _from_file("stripe_secret_key_file", "STRIPE_SECRET_KEY_FILE", required=False)
StripeKey = Annotated[
    str,
    _valid(API_KEY, _has_local_stripe),
    BeforeValidator(_stripped),
    KEY_FROM_FILE,
    Field(
        validation_alias="STRIPE_SECRET_KEY",
        validate_default=True,
        description="Stripe API key, `sk_test_…` or a restricted `rk_…`; checkout writes Checkout Sessions, the "
        "reconciler reads Checkout Sessions, PaymentIntents, Charges and Refunds, Disputes, Events and Radar",
    ),
]

TokenFile = Annotated[
    Path | None,
    Field(
        validation_alias="PAYMENTS_API_TOKEN_FILE",
        description="file of only tokens instead, one per line or comma-separated; read again when it changes",
    ),
]
TOKENS_FROM_FILE = _from_file("api_token_file", "PAYMENTS_API_TOKEN_FILE", required=True)
TOKENS_FROM_FILE_IF_SET = _from_file("api_token_file", "PAYMENTS_API_TOKEN_FILE", required=False)
ApiTokenList = Annotated[SecretList, _valid(API_TOKEN, _has_development_settings), TOKENS_FROM_FILE]
CheckoutTokenList = Annotated[SecretList, _valid(API_TOKEN, _has_local_checkout), TOKENS_FROM_FILE]

McpTokenFile = Annotated[
    Path | None,
    Field(
        validation_alias="MCP_TOKEN_FILE",
        description="file of only tokens instead, one per line or comma-separated; read again when it changes",
    ),
]
_MCP_TOKENS_FROM_FILE = _from_file("mcp_token_file", "MCP_TOKEN_FILE", required=True)
McpTokenList = Annotated[SecretList, _valid(API_TOKEN, _has_local_checkout), _MCP_TOKENS_FROM_FILE]
