"""Holds the webhook's signing secrets, from the environment or from a file that can change. Never logs them."""

import asyncio
from collections.abc import Awaitable, Callable

from lea_payments.settings import SettingsError, WebhookSettings
from lea_payments.telemetry import webhook as telemetry

CHECK_SECONDS = 1.0
"""How often the file is read: a changed secret is in use after twice this time at the latest."""


class SigningSecrets:
    """One or more secrets, the current one first. Raises SettingsError at the start if one of them is invalid."""

    def __init__(self, settings: WebhookSettings, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._settings = settings
        self._secrets = self._last_read = settings.signing_secrets()
        self._is_file_valid = True

    def __call__(self) -> tuple[str, ...]:
        """The secrets of the last valid file."""
        return self._secrets

    async def watch(self) -> None:
        """Reads the file again every second, also when nothing is delivered, so that an alert can fire in time."""
        while self._settings.webhook_secret_file is not None:
            await self._sleep(CHECK_SECONDS)
            try:
                await asyncio.to_thread(self.reload)
            except Exception as error:  # noqa: BLE001 - the file is read again a second later
                telemetry.signing_secrets_kept(f"it could not be read: {type(error).__name__}")

    def reload(self) -> None:
        """Reads the file. One invalid entry, or no entry at all, leaves the last secrets in use.

        New secrets are used when two reads agree: a file that is being written can have only some of them.
        """
        try:
            secrets = self._settings.signing_secrets(in_use=self._secrets)
        except SettingsError as error:
            self._is_file_valid, self._last_read = False, self._secrets
            telemetry.signing_secrets_kept(str(error))
            return
        is_complete, self._last_read = secrets == self._last_read, secrets
        if is_complete and (secrets != self._secrets or not self._is_file_valid):
            self._secrets, self._is_file_valid = secrets, True
            telemetry.signing_secrets_loaded(len(secrets))
