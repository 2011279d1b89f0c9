"""The environment, read once into a frozen object per part; nothing else here reads it, and nothing at import."""

from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def split_list(text: str) -> tuple[str, ...]:
    """One or more secrets in one text: separated by commas or line ends, blanks dropped, order kept."""
    return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())


SecretList = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda value: split_list(value) if isinstance(value, str) else value),
]
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """Raised when variables are wrong or missing; its text names every one of them and what to do."""


class Settings(BaseSettings):
    """What every part reads. The description of a field is its row in docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    host: str = Field(
        "0.0.0.0",
        validation_alias="HOST",
        description="address the part listens on",
    )
    metrics_port: Port = Field(
        9464,
        validation_alias="METRICS_PORT",
        description="port of `/metrics`; `0` switches it off",
    )
    log_level: str = Field(
        "info",
        validation_alias="LOG_LEVEL",
        pattern="^(?i:debug|info|warning|error)$",
        description="`debug`, `info`, `warning` or `error`",
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^(https?://\S+)?$",
        description="OTLP/HTTP collector that gets the traces, such as `http://localhost:4318`; empty means no export. "
        "OpenTelemetry's other `OTEL_EXPORTER_OTLP_*` variables count too",
    )
    build_revision: str = Field(
        "",
        validation_alias="BUILD_REVISION",
        description="revision in `payments_build_info`; the image sets it",
    )
    sampling_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        validation_alias="OTEL_TRACES_SAMPLER_ARG",
        description="share of new traces that is kept, 0 to 1; traces with an error are always kept",
    )

    def summary(self) -> dict[str, object]:
        """What a part says at its start of what it runs with; nothing secret."""
        return {"tracing": bool(self.otlp_endpoint)}


SettingsT = TypeVar("SettingsT", bound=Settings)


class TableSettings(Settings):
    """What every part that touches the table reads."""

    aws_region: str = Field(
        "ap-southeast-1",
        validation_alias="AWS_REGION",
        min_length=1,
        description="AWS region of the table",
    )
    table: str = Field(
        "lea-payments-local",
        validation_alias="DYNAMODB_PAYMENTS_TABLE",
        pattern=r"^[A-Za-z0-9_.-]{3,255}$",
        description="name of the table of payments",
    )
    ddb_endpoint: str = Field(
        "http://dynamodb:8000",
        validation_alias="DDB_ENDPOINT",
        pattern=r"^(https?://\S+)?$",
        description="DynamoDB's address; empty means AWS itself",
    )

    def summary(self) -> dict[str, object]:
        """The table too."""
        return super().summary() | {"table": self.table, "dynamodb": self.ddb_endpoint or f"AWS {self.aws_region}"}


class ModeSettings(TableSettings):
    """What everything reads that applies Stripe's events."""

    livemode: bool = Field(
        default=False,
        validation_alias="STRIPE_LIVEMODE",
        description="`true` in production: events of the other mode are answered 200, counted, not applied",
    )

    @property
    def mode(self) -> str:
        """`live` or `test`, as Stripe calls them."""
        return "live" if self.livemode else "test"


class WebhookSettings(ModeSettings):
    """What the webhook receiver reads."""

    port: Port = Field(8086, validation_alias="PORT", description="port of the part")
    webhook_secrets: SecretList = Field(
        (),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="signing secret of the Stripe webhook endpoint, `whsec_…`; "
        "several while rotating, comma-separated, current first",
    )
    webhook_secret_file: Path | None = Field(
        None,
        validation_alias="STRIPE_WEBHOOK_SECRET_FILE",
        description="a file with the signing secrets instead, one a line or comma-separated; "
        "read again when it changes",
    )

    @model_validator(mode="after")
    def _one_secret_at_least(self) -> Self:
        if not self.webhook_secrets and self.webhook_secret_file is None:
            msg = (
                "STRIPE_WEBHOOK_SECRET is missing: set it to the signing secret (whsec_…) of your Stripe webhook "
                "endpoint, or to the one that `stripe listen` prints, or name a file in STRIPE_WEBHOOK_SECRET_FILE"
            )
            raise ValueError(msg)
        return self

    def summary(self) -> dict[str, object]:
        """The mode too."""
        return super().summary() | {"mode": self.mode}


class PagesSettings(TableSettings):
    """What the success and cancel pages read."""

    port: Port = Field(8085, validation_alias="PORT", description="port of the part")


STRIPE = "https://api.stripe.com"
StripeKey = Annotated[
    str,
    Field(
        validation_alias="STRIPE_SECRET_KEY",
        pattern=r"^(sk|rk)_(test|live)_\S+$",
        description="Stripe API key, `sk_test_…` or a restricted `rk_…`: checkout writes Checkout Sessions, "
        "the reconciler reads them, PaymentIntents and Events",
    ),
]
StripeAddress = Annotated[
    str,
    Field(
        validation_alias="STRIPE_API_BASE",
        pattern=r"^https?://\S+$",
        description="where Stripe's API is; the emulator's address in development",
    ),
]


def mode_of(key: str) -> str:
    """`live` or `test`, as a secret key of Stripe's says by its name; empty when it is no such key."""
    kind, _, rest = key.partition("_")
    mode = rest.partition("_")[0]
    return mode if kind in ("sk", "rk") and mode in ("test", "live") else ""


class CheckoutSettings(TableSettings):
    """What the checkout API reads."""

    port: Port = Field(8084, validation_alias="PORT", description="port of the part")
    stripe_secret_key: StripeKey
    stripe_api_base: StripeAddress = STRIPE
    api_tokens: SecretList = Field(
        validation_alias="PAYMENTS_API_TOKEN",
        min_length=1,
        description="bearer token of the API's callers; several while rotating, comma-separated",
    )
    pages_base_url: str = Field(
        "http://localhost:8085",
        validation_alias="PAGES_BASE_URL",
        pattern=r"^https?://\S+$",
        description="where the customer's browser finds the pages; success and cancel links start with it",
    )

    def summary(self) -> dict[str, object]:
        """The key's mode and Stripe's address too."""
        mode = mode_of(self.stripe_secret_key)
        return super().summary() | {"mode": mode, "stripe": self.stripe_api_base, "api_tokens": len(self.api_tokens)}


class StripeSettings(ModeSettings):
    """What everything reads that asks Stripe what it knows of payments."""

    stripe_secret_key: StripeKey
    stripe_api_base: StripeAddress = STRIPE

    @model_validator(mode="after")
    def _key_of_the_same_mode(self) -> Self:
        if mode_of(self.stripe_secret_key) != self.mode:
            msg = (
                f"STRIPE_SECRET_KEY is not a {self.mode} key, but STRIPE_LIVEMODE is {str(self.livemode).lower()}: "
                "change the one that is wrong"
            )
            raise ValueError(msg)
        return self


class ReconcilerSettings(StripeSettings):
    """What the reconciler reads."""

    port: Port = Field(8083, validation_alias="PORT", description="port of the part")
    interval_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        300,
        validation_alias="RECONCILER_INTERVAL_SECONDS",
        description="pause between two runs, in seconds",
    )


_HINTS = {
    "STRIPE_SECRET_KEY": "set it to a key from Stripe's dashboard, Developers > API keys (sk_test_… for a sandbox)",
    "PAYMENTS_API_TOKEN": "set it to a long random text, for example from `openssl rand -hex 32`",
    "DDB_ENDPOINT": "set it to an address such as http://localhost:8000, or to nothing for AWS",
}


def read(kind: type[SettingsT]) -> SettingsT:
    """The settings of one part from the environment and `.env`; raises SettingsError with all problems at once."""
    try:
        return kind()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        lines = [_explain(problem["loc"], problem["msg"]) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _explain(where: tuple[int | str, ...], message: str) -> str:
    if not where:
        return message.removeprefix("Value error, ")
    name = str(where[0])
    hint = _HINTS.get(name)
    return f"{name}: {message}" + (f"; {hint}" if hint else "; see docs/reference/settings.md")


def signing_secrets(secrets: tuple[str, ...], file: Path | None) -> tuple[str, ...]:
    """The webhook's signing secrets, the current one first; raises SettingsError if their file has none."""
    return secrets if file is None else read_secret_file(file)


def read_secret_file(file: Path) -> tuple[str, ...]:
    """The secrets in a file, one per line or comma-separated; raises SettingsError if there are none."""
    try:
        secrets = split_list(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"STRIPE_WEBHOOK_SECRET_FILE: {error}; name a readable text file") from None
    if not secrets:
        raise SettingsError(f"STRIPE_WEBHOOK_SECRET_FILE: {file} holds no secret; write one whsec_… per line into it")
    return secrets
