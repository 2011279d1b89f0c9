"""Reads the files of an API key and of tokens again while a service runs, so that a rotation needs no restart."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from lea_payments.settings import Settings, SettingsError
from lea_payments.telemetry import events as telemetry

CHECK_SECONDS = 1.0
"""How often the files are read: changed secrets are in use after twice this time at the latest."""


_FILES = ("stripe_secret_key_file", "api_token_file")
_SECRETS = ("stripe_secret_key", "api_tokens")
"""The fields of settings that have them; the secrets in the files are in the second ones."""

SettingsT = TypeVar("SettingsT", bound=Settings)


class SecretFiles(Generic[SettingsT]):
    """Passes changed secrets to `use` when two reads agree; invalid ones leave the last secrets in use."""

    def __init__(
        self,
        settings: SettingsT,
        use: Callable[[SettingsT], None],
        read_again: Callable[[], SettingsT],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._use, self._read_again, self._sleep = use, read_again, sleep
        self._has_files = any(_values(settings, _FILES))
        self._in_use = self._last_read = _values(settings, _SECRETS)
        self._are_valid = True

    async def watch(self) -> None:
        """Reads the files every second."""
        while self._has_files:
            await self._sleep(CHECK_SECONDS)
            try:
                await asyncio.to_thread(self.reload)
            except Exception as error:  # noqa: BLE001 - the files are read again a second later
                telemetry.secrets_kept(f"they could not be read: {type(error).__name__}")

    def reload(self) -> None:
        """Reads the files once."""
        try:
            settings = self._read_again()
        except SettingsError as error:
            self._are_valid, self._last_read = False, self._in_use
            telemetry.secrets_kept(str(error))
            return
        secrets = _values(settings, _SECRETS)
        is_complete, self._last_read = secrets == self._last_read, secrets
        if is_complete and (secrets != self._in_use or not self._are_valid):
            self._use(settings)
            self._in_use, self._are_valid = secrets, True
            telemetry.secrets_loaded()


def _values(settings: Settings, fields: Sequence[str]) -> Sequence[object]:
    return [getattr(settings, field, None) for field in fields]
