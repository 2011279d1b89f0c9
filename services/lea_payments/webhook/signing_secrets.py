"""Holds the webhook's signing secrets, from the environment or from a file that can change. Never logs them."""

import asyncio

from lea_payments.serving.background.changing_secrets import ChangingSecrets, Sleep
from lea_payments.settings import WebhookSettings
from lea_payments.telemetry.services import webhook as telemetry


class SigningSecrets(ChangingSecrets[tuple[str, ...]]):
    """One or more secrets, the current one first. Raises SettingsError at the start if one of them is invalid."""

    unreadable = "it could not be read"

    def __init__(self, settings: WebhookSettings, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(settings.signing_secrets(), sleep, has_files=settings.webhook_secret_file is not None)
        self._settings = settings

    def __call__(self) -> tuple[str, ...]:
        """The secrets of the last valid file."""
        return self._in_use

    def _read(self) -> tuple[str, ...]:
        return self._settings.signing_secrets(in_use=self._in_use)

    def _use(self, read: tuple[str, ...]) -> None:
        telemetry.signing_secrets_loaded(len(read))

    def _keep(self, problem: str) -> None:
        telemetry.signing_secrets_kept(problem)
