"""Reads the settings of the services and commands from the environment and `.env`, once, into frozen objects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from lea_payments import remedies
from lea_payments.environment import EnvironmentSettings
from lea_payments.listening import ALL_INTERFACES
from lea_payments.notifications.settings import OutboxSettings
from lea_payments.outbound import way
from lea_payments.return_urls import ReturnUrlOrigins
from lea_payments.secrets.fields import (
    ApiTokenList,
    KeyFile,
    SigningSecretList,
    StripeKey,
    TokenFile,
    is_development,
    mode_of,
)
from lea_payments.secrets.file import read_signing_secrets
from lea_payments.secrets.rules import SecretError

Port = Annotated[int, Field(ge=0, le=65535)]
SettingsT = TypeVar("SettingsT", bound="Settings")


class SettingsError(Exception):
    """Raised when settings are missing or invalid. The message names all of them and says what to do."""


class Settings(EnvironmentSettings):
    """The settings of every service. A field's description is its row in docs/reference/settings.md."""

    connection_limit: ClassVar[int] = 1000
    """How many connections the service has at the same time."""

    host: str = Field(
        ALL_INTERFACES,
        validation_alias="HOST",
        description="address that the service listens on; `::` is all interfaces, with IPv6 and IPv4",
    )
    metrics_port: Port = Field(9464, validation_alias="METRICS_PORT", description="port of `/metrics`; `0` disables it")
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        75, validation_alias="KEEP_ALIVE_SECONDS", description="how long an idle connection stays open, in seconds"
    )
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        0,
        validation_alias="DRAIN_SECONDS",
        description="how long the service goes on after SIGTERM, unready and closing connections, so that proxies and "
        "load balancers leave it, in seconds; the chart sets it",
    )
    log_level: str = Field(
        "info",
        validation_alias="LOG_LEVEL",
        pattern="^(?i:debug|info|warning|error)$",
        description="`debug`, `info`, `warning` or `error`",
    )
    build_revision: str = Field(
        "", validation_alias="BUILD_REVISION", description="revision in `payments_build_info`; the image sets it"
    )

    def summary(self) -> dict[str, object]:
        """The settings that the service logs at startup. It contains no secrets."""
        return {}


class TableSettings(Settings):
    """The settings of every program that uses the table."""

    empty_is_a_value: ClassVar[frozenset[str]] = frozenset({"DDB_ENDPOINT"})

    aws_region: str = Field(
        "ap-southeast-1", validation_alias="AWS_REGION", min_length=1, description="AWS region of the table"
    )
    table: str = Field(
        "lea-payments-local",
        validation_alias="DYNAMODB_PAYMENTS_TABLE",
        pattern=r"^[A-Za-z0-9_.-]{3,255}$",
        description="name of the table that holds the payments",
    )
    ddb_endpoint: str = Field(
        "http://dynamodb:8000",
        validation_alias="DDB_ENDPOINT",
        pattern=r"^(https?://\S+)?$",
        description="URL of DynamoDB; empty means DynamoDB on AWS",
    )

    def summary(self) -> dict[str, object]:
        """Adds the table."""
        return super().summary() | {"table": self.table, "dynamodb": self.ddb_endpoint or f"AWS {self.aws_region}"}


class ModeSettings(OutboxSettings, TableSettings):
    """The settings of every program that applies Stripe's events."""

    livemode: bool = Field(
        default=False,
        validation_alias="STRIPE_LIVEMODE",
        description="`true` in production; events of the other mode are answered 200, counted and not applied",
    )
    account: str = Field(
        "",
        validation_alias="STRIPE_ACCOUNT",
        pattern="^(acct_[A-Za-z0-9_]+)?$",
        description="your account, `acct_…`; events that name another one, or any one if this is empty, are ignored",
    )

    @property
    def mode(self) -> str:
        """The mode in Stripe's terms: `live` or `test`."""
        return "live" if self.livemode else "test"


class WebhookSettings(ModeSettings):
    """The settings of the webhook."""

    port: Port = Field(8086, validation_alias="PORT", description="port that the service listens on")
    webhook_secrets: SigningSecretList = Field(
        (),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="signing secret of the Stripe webhook endpoint, `whsec_…`; during a rotation several, "
        "comma-separated, the current one first",
    )
    webhook_secret_file: Path | None = Field(
        None,
        validation_alias="STRIPE_WEBHOOK_SECRET_FILE",
        description="file of only signing secrets instead, one per line or comma-separated; read again when it changes",
    )
    delivery_deadline_seconds: Annotated[float, Field(ge=1, le=9)] = Field(
        6,
        validation_alias="DELIVERY_DEADLINE_SECONDS",
        description="how long the webhook tries to write a delivery before it answers 503, in seconds, 1 to 9; Stripe "
        "waits for 10",
    )

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if not self.webhook_secrets and self.webhook_secret_file is None:
            raise ValueError(
                "STRIPE_WEBHOOK_SECRET is missing: set it to the signing secret (whsec_…) of your Stripe webhook "
                "endpoint or to the secret that `stripe listen` prints, or set STRIPE_WEBHOOK_SECRET_FILE to a file"
            )
        return self

    def signing_secrets(self, in_use: Sequence[str] = ()) -> tuple[str, ...]:
        """The signing secrets, the current one first. Raises SettingsError if the file has an invalid entry.

        `in_use` are the secrets before the file was changed.
        """
        if self.webhook_secret_file is None:
            return self.webhook_secrets
        is_local = is_development(self.ddb_endpoint, livemode=self.livemode)
        try:
            return read_signing_secrets(self.webhook_secret_file, is_local=is_local, in_use=in_use)
        except SecretError as error:
            raise SettingsError(remedies.sentence("STRIPE_WEBHOOK_SECRET_FILE", str(error))) from None

    def summary(self) -> dict[str, object]:
        """Adds the mode."""
        return super().summary() | {"mode": self.mode}


MEANING_OF_API_TOKENS = (
    "bearer token of the checkout API's callers, at least 16 characters; during a rotation several, comma-separated; "
    "`mcp` sends the first one"
)
STRIPE = "https://api.stripe.com"
StripeUrl = Annotated[
    str,
    Field(
        validation_alias="STRIPE_API_BASE",
        pattern=r"^https?://\S+$",
        description="URL of Stripe's API; in development the URL of the emulator",
    ),
]


class CheckoutSettings(OutboxSettings, TableSettings):
    """The settings of the checkout API."""

    connection_limit: ClassVar[int] = 1300  # 1,000 calls can wait: the rest is for all others

    port: Port = Field(8084, validation_alias="PORT", description="port that the service listens on")
    stripe_api_base: StripeUrl = STRIPE
    stripe_secret_key_file: KeyFile = None
    stripe_secret_key: StripeKey = ""
    api_token_file: TokenFile = None
    api_tokens: ApiTokenList = Field(
        (),
        validation_alias="PAYMENTS_API_TOKEN",
        validate_default=True,
        min_length=1,
        description=MEANING_OF_API_TOKENS,
    )
    pages_base_url: str = Field(
        "http://localhost:8085",
        validation_alias="PAGES_BASE_URL",
        pattern=r"^https?://\S+$",
        description="public URL of the pages; Stripe sends customers to `/success` and `/cancel` below it",
    )

    return_url_origins: ReturnUrlOrigins = ()

    def summary(self) -> dict[str, object]:
        """Adds the key's mode and Stripe's URL."""
        mode = mode_of(self.stripe_secret_key)
        return super().summary() | {"mode": mode, "stripe": self.stripe_api_base, "api_tokens": len(self.api_tokens)}


class StripeSettings(ModeSettings):
    """The settings of every program that reads from Stripe."""

    stripe_api_base: StripeUrl = STRIPE
    stripe_secret_key_file: KeyFile = None
    stripe_secret_key: StripeKey = ""

    @model_validator(mode="after")
    def _key_has_the_mode(self) -> Self:
        if mode_of(self.stripe_secret_key) != self.mode:
            raise ValueError(f"STRIPE_SECRET_KEY is not a {self.mode} key, but STRIPE_LIVEMODE needs one: change one")
        return self


class ReconcilerSettings(StripeSettings):
    """The settings of the reconciler."""

    port: Port = Field(8083, validation_alias="PORT", description="port that the service listens on")
    interval_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        300, validation_alias="RECONCILER_INTERVAL_SECONDS", description="pause between two runs, in seconds"
    )


def read(kind: type[SettingsT]) -> SettingsT:
    """Reads settings from the environment and `.env`. Raises SettingsError, which reports all problems together."""
    problems = [*way.problems()]
    try:
        settings = kind()  # type: ignore[call-arg]  # the values come from the environment
    except ValidationError as error:
        problems = [*(remedies.explain(kind.model_fields, one["loc"], one["msg"]) for one in error.errors()), *problems]
    if problems:
        raise SettingsError("\n".join(problems)) from None
    return settings
