"""What `check` looks at: the settings of all parts together, none of them required."""

from pathlib import Path

from pydantic import Field

from lea_payments.settings import STRIPE, SecretList, StripeAddress, TableSettings


class CheckSettings(TableSettings):
    """What `check` reads: whatever is there of the settings of all parts, with every value that can be looked at."""

    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    webhook_secret_file: Path | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRET_FILE")
    livemode: bool = Field(default=False, validation_alias="STRIPE_LIVEMODE")
    stripe_secret_key: str = Field("", validation_alias="STRIPE_SECRET_KEY")
    stripe_api_base: StripeAddress = STRIPE
    api_tokens: SecretList = Field((), validation_alias="PAYMENTS_API_TOKEN")

    @property
    def applies_events(self) -> bool:
        """Whether these are the webhook's, or a part's that has the API key and no callers of its own."""
        has_secrets = bool(self.webhook_secrets) or self.webhook_secret_file is not None
        return has_secrets or (bool(self.stripe_secret_key) and not self.api_tokens)
