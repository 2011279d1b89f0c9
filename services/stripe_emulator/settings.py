"""Reads the emulator's settings from environment variables."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from stripe_emulator.validation import must_be, problems

MAX_PORT = 65535
DEFAULT_SECRET = "whsec_ThisIsTheStripeEmulatorAndNotStripe"


class SettingsError(Exception):
    """Raised when variables have values that cannot be used. The message names each of them."""


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return text


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=MAX_PORT), must_be(f"a port number from 1 to {MAX_PORT}")]
Url = Annotated[str, AfterValidator(_http_url), must_be("an http or https URL")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), must_be("a number of seconds above 0")]
Count = Annotated[int, Field(gt=0), must_be("a whole number above 0")]
Secrets = Annotated[
    tuple[str, ...], NoDecode, Field(min_length=1), BeforeValidator(_split), must_be("comma-separated secrets")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: str(value).strip().lower()),
    must_be("debug, info, warning or error"),
]


class Settings(BaseSettings):
    """The settings of one emulator. The help of the command shows the descriptions of the fields."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", validate_by_name=True, str_strip_whitespace=True)

    host: str = Field(default="0.0.0.0", validation_alias="HOST", description="the address to listen on (0.0.0.0)")
    port: Port = Field(default=8087, validation_alias="PORT", description="the port to listen on (8087)")
    public_url: Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))] = Field(
        validation_alias="EMULATOR_PUBLIC_URL",
        default_factory=lambda valid: f"http://localhost:{valid['port']}",
        description="the URL of the emulator in pay links (http://localhost:PORT)",
    )
    webhook_url: Url | None = Field(
        default=None,
        validation_alias="EMULATOR_WEBHOOK_URL",
        description="the URL that every event is delivered to (none)",
    )
    webhook_secrets: Secrets = Field(
        default=(DEFAULT_SECRET,),
        validation_alias="EMULATOR_WEBHOOK_SECRET",
        description=f"the secrets that sign deliveries to that URL, comma-separated ({DEFAULT_SECRET})",
    )
    retry_base_seconds: Seconds = Field(
        default=1.0,
        validation_alias="EMULATOR_RETRY_BASE_SECONDS",
        description="the pause before the first retry; it doubles, up to a minute (1)",
    )
    retry_attempts: Count = Field(
        default=12,
        validation_alias="EMULATOR_RETRY_ATTEMPTS",
        description="the number of attempts per delivery, including the first (12)",
    )
    delivery_timeout_seconds: Seconds = Field(
        default=10.0,
        validation_alias="EMULATOR_DELIVERY_TIMEOUT_SECONDS",
        description="how long an endpoint may take to answer (10)",
    )
    redirect_wait_seconds: Seconds = Field(
        default=10.0,
        validation_alias="EMULATOR_REDIRECT_WAIT_SECONDS",
        description="how long the pay page waits for the merchant's 2xx (10)",
    )
    log_level: LogLevel = Field(
        default="info", validation_alias="LOG_LEVEL", description="debug, info, warning or error (info)"
    )

    @model_validator(mode="before")
    @classmethod
    def _ignore_blank(cls, values: Any) -> Any:
        return {name: value for name, value in values.items() if not isinstance(value, str) or value.strip()}


VARIABLES = {str(field.validation_alias): field.description or "" for field in Settings.model_fields.values()}


def read(overrides: Mapping[str, str]) -> Settings:
    """Return the settings of the environment, where these overrides replace variables."""
    try:
        return Settings.model_validate(overrides)
    except ValidationError as error:
        raise SettingsError(
            "\n".join(f"{problem.path}={problem.value}: {problem.message}" for problem in problems(error))
        ) from error
