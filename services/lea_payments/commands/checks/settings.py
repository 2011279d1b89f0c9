"""Reads the settings of all services for `check`, none of them required, and checks the secrets and the mode."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from lea_payments.brand import BrandSettings
from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.notifications.settings import NotifyFields
from lea_payments.remedies import REMEDIES
from lea_payments.secrets.fields import (
    KEY_FROM_FILE_IF_SET,
    TOKENS_FROM_FILE_IF_SET,
    KeyFile,
    SecretList,
    TokenFile,
    is_development,
    mode_of,
)
from lea_payments.secrets.file import read_signing_secrets
from lea_payments.secrets.rules import API_KEY, API_TOKEN, SIGNING_SECRET, SecretError, is_local
from lea_payments.settings import STRIPE, ModeSettings, StripeUrl
from lea_payments.text.words import counted


class CheckSettings(BrandSettings, NotifyFields, ModeSettings):
    """The settings of all services; a setting that a service requires can be missing, and a secret invalid."""

    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    webhook_secret_file: Path | None = Field(None, validation_alias="STRIPE_WEBHOOK_SECRET_FILE")
    stripe_secret_key_file: KeyFile = None
    stripe_secret_key: Annotated[str, KEY_FROM_FILE_IF_SET] = Field(
        "", validation_alias="STRIPE_SECRET_KEY", validate_default=True
    )
    stripe_api_base: StripeUrl = STRIPE
    api_token_file: TokenFile = None
    api_tokens: Annotated[SecretList, TOKENS_FROM_FILE_IF_SET] = Field(
        (), validation_alias="PAYMENTS_API_TOKEN", validate_default=True
    )

    @property
    def applies_events(self) -> bool:
        """Whether they are the settings of a service that applies events: the webhook or the reconciler."""
        has_secrets = bool(self.webhook_secrets) or self.webhook_secret_file is not None
        return has_secrets or (bool(self.stripe_secret_key) and not self.api_tokens)

    @property
    def sends_notifications(self) -> bool:
        """Whether they are the settings of the notifier."""
        return bool(self.notify_url or self.notify_secret) or self.notify_secret_file is not None

    def signing_secrets(self) -> tuple[str, ...]:
        """The signing secrets, from the file if there is one. Raises SecretError if one of them is invalid."""
        is_harmless = is_development(self.ddb_endpoint, livemode=self.livemode)
        if self.webhook_secret_file is not None:
            return read_signing_secrets(self.webhook_secret_file, is_local=is_harmless)
        if problem := SIGNING_SECRET.problem(self.webhook_secrets, is_local=is_harmless):
            raise SecretError(problem)
        return self.webhook_secrets


def findings(settings: CheckSettings) -> Iterator[Finding]:
    """Checks the signing secrets, the API key and the tokens as the services do at their start."""
    yield _signing_secrets(settings)
    if settings.stripe_secret_key:
        yield _key(settings)
    if settings.api_tokens:
        yield _tokens(settings)
    if settings.notifications or settings.sends_notifications:
        yield _notifications(settings)


def _signing_secrets(settings: CheckSettings) -> Finding:
    subject = "signing secrets"
    file_or_text = "STRIPE_WEBHOOK_SECRET" if settings.webhook_secret_file is None else "STRIPE_WEBHOOK_SECRET_FILE"
    try:
        secrets = settings.signing_secrets()
    except SecretError as error:
        return wrong(subject, f"{file_or_text}: {error}", REMEDIES[file_or_text])
    if not secrets:
        return note(subject, "not set: only the webhook needs STRIPE_WEBHOOK_SECRET")
    return ok(subject, f"{len(secrets)}, the first is current")


def _key(settings: CheckSettings) -> Finding:
    key = settings.stripe_secret_key.strip()
    if problem := API_KEY.problem((key,), is_local=is_local(settings.stripe_api_base)):
        return wrong("API key", f"STRIPE_SECRET_KEY: {problem}", REMEDIES["STRIPE_SECRET_KEY"])
    if mode_of(key) == settings.mode:
        return ok("mode", f"the key and STRIPE_LIVEMODE agree: {settings.mode}")
    says = f"the key is a {mode_of(key)} key, but STRIPE_LIVEMODE is {str(settings.livemode).lower()}"
    return wrong("mode", says, "set STRIPE_LIVEMODE to true for live keys and to false for test keys")


def _tokens(settings: CheckSettings) -> Finding:
    key = settings.stripe_secret_key.strip()
    is_harmless = is_development(settings.ddb_endpoint, livemode=settings.livemode, key=key)
    if problem := API_TOKEN.problem(settings.api_tokens, is_local=is_harmless):
        return wrong("API tokens", f"PAYMENTS_API_TOKEN: {problem}", REMEDIES["PAYMENTS_API_TOKEN"])
    return ok("API tokens", f"{len(settings.api_tokens)}, all of them valid")


def _notifications(settings: CheckSettings) -> Finding:
    if not settings.sends_notifications:
        return note("notifications", "changes are marked for the notifier; only the notifier needs NOTIFY_URL")
    try:
        names = [endpoint.name for endpoint in settings.endpoints()]
        count = sum(len(secrets) for secrets in settings.endpoint_secrets().values())
    except SecretError as error:
        remedy = "create one with `echo whsec_$(openssl rand -base64 32)` and give it to the receiver"
        return wrong("notifications", f"{settings.secret_variable}: {error}", remedy)
    except ValueError as error:
        return wrong("notifications", str(error), "see docs/reference/settings.md")
    endpoints = f"{counted(len(names), 'endpoint')} ({', '.join(names)}) with {counted(count, 'secret')}"
    if not settings.notifications:
        remedy = "set NOTIFICATIONS=true for webhook, checkout and reconciler"
        return note("notifications", f"{endpoints}, but NOTIFICATIONS is not true here", remedy)
    return ok("notifications", endpoints)
