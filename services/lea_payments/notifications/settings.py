"""Defines the settings of notifications: one for the services that change payments, and those of the notifier."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from lea_payments.environment import EnvironmentSettings
from lea_payments.notifications import endpoints as rules
from lea_payments.notifications.delivery import PAUSES
from lea_payments.notifications.endpoints import Endpoint, Secrets
from lea_payments.secrets.file import read_text
from lea_payments.secrets.rules import SecretError, split_list


class OutboxSettings(EnvironmentSettings):
    """The setting of every program that changes payments."""

    notifications: bool = Field(
        default=False,
        validation_alias="NOTIFICATIONS",
        description="`true` if the notifier runs: each change of a payment is then marked for it, in the same write",
    )


def _listed(value: object) -> object:
    return split_list(value) if isinstance(value, str) else value


class NotifyFields(EnvironmentSettings):
    """The endpoints of notifications, their secrets and their event filters."""

    notify_allow_http: bool = Field(
        default=False,
        validation_alias="NOTIFY_ALLOW_HTTP",
        description="`true` allows endpoints with http: in development only, because anyone on the way can read it",
    )
    notify_url: str = Field(
        "",
        validation_alias="NOTIFY_URL",
        description="https URL of the receiver of notifications; several as `name=url`, comma-separated",
    )
    notify_events: str = Field(
        "",
        validation_alias="NOTIFY_EVENTS",
        description="types that are sent, comma-separated; for one of several endpoints `name=type|type`; all by "
        "default: " + ", ".join(f"`{one}`" for one in rules.EVENT_TYPES),
    )
    notify_secret: str = Field(
        "",
        validation_alias="NOTIFY_SECRET",
        repr=False,
        description="signing secret of Standard Webhooks, `whsec_…` with 24 to 64 bytes in base64; during a rotation "
        "several, comma-separated, the new one first; for one of several endpoints `name=whsec_…`",
    )
    notify_secret_file: Path | None = Field(
        None,
        validation_alias="NOTIFY_SECRET_FILE",
        description="file of only these secrets instead, one per line; read again when it changes",
    )
    notify_retry_seconds: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=86400)], ...], NoDecode, BeforeValidator(_listed)
    ] = Field(
        PAUSES,
        validation_alias="NOTIFY_RETRY_SECONDS",
        min_length=1,
        max_length=20,
        description="pauses between the attempts of one notification, comma-separated, in seconds; the last one "
        "repeats until three days after the first failure",
    )

    @property
    def secret_variable(self) -> str:
        """The variable that the secrets come from."""
        return "NOTIFY_SECRET" if self.notify_secret_file is None else "NOTIFY_SECRET_FILE"

    def endpoints(self) -> Sequence[Endpoint]:
        """The endpoints. Raises ValueError."""
        return rules.endpoints(self.notify_url, self.notify_events, allow_http=self.notify_allow_http)

    def endpoint_secrets(self) -> Secrets:
        """The secrets of each endpoint, from the file if there is one. Raises SecretError if one is invalid.

        Raises ValueError if an endpoint is invalid.
        """
        text = self.notify_secret if self.notify_secret_file is None else read_text(self.notify_secret_file)
        return rules.secrets(text, [endpoint.name for endpoint in self.endpoints()])


class NotifySettings(NotifyFields):
    """The same, all of them valid."""

    @model_validator(mode="after")
    def _endpoints_are_valid(self) -> Self:
        try:
            self.endpoint_secrets()
        except SecretError as error:
            remedy = "create one with `echo whsec_$(openssl rand -base64 32)`"
            raise ValueError(f"{self.secret_variable}: {error}; {remedy}") from None
        return self
