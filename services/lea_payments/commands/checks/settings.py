"""Defines the settings that `check` reads: those of all services, none of them required."""

from pathlib import Path

from pydantic import Field

from lea_payments.settings import STRIPE, SecretList, StripeUrl, TableSettings


class CheckSettings(TableSettings):
    """The settings of all services; a setting that a service requires can be missing here or have any value."""

    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    webhook_secret_file: Path | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRET_FILE")
    livemode: bool = Field(default=False, validation_alias="STRIPE_LIVEMODE")
    account: str = Field("", validation_alias="STRIPE_ACCOUNT", pattern="^(acct_[A-Za-z0-9_]+)?$")
    stripe_secret_key: str = Field("", validation_alias="STRIPE_SECRET_KEY")
    stripe_api_base: StripeUrl = STRIPE
    api_tokens: SecretList = Field((), validation_alias="PAYMENTS_API_TOKEN")

    @property
    def applies_events(self) -> bool:
        """Whether they are the settings of a service that applies events: the webhook or the reconciler."""
        has_secrets = bool(self.webhook_secrets) or self.webhook_secret_file is not None
        return has_secrets or (bool(self.stripe_secret_key) and not self.api_tokens)
