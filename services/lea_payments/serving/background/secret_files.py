"""Holds the API key and the tokens of callers that are in files, and passes changed ones on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from lea_payments.serving.background.changing_secrets import ChangingSecrets, Sleep
from lea_payments.settings import Settings
from lea_payments.telemetry import events as telemetry

_FILES = ("stripe_secret_key_file", "api_token_file", "mcp_token_file")
_SECRETS = ("stripe_secret_key", "api_tokens", "mcp_tokens")
"""The fields of settings that have them; the secrets in the files are in the second ones."""

SettingsT = TypeVar("SettingsT", bound=Settings)


class SecretFiles(ChangingSecrets[SettingsT]):
    """Passes the settings with changed secrets to `use`."""

    unreadable = "they could not be read"

    def __init__(
        self,
        settings: SettingsT,
        use: Callable[[SettingsT], None],
        read_again: Callable[[], SettingsT],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(settings, sleep, has_files=any(_values(settings, _FILES)))
        self._pass_on, self._read_again = use, read_again

    def _read(self) -> SettingsT:
        return self._read_again()

    def _use(self, read: SettingsT) -> None:
        self._pass_on(read)
        telemetry.secrets_loaded()

    def _keep(self, problem: str) -> None:
        telemetry.secrets_kept(problem)

    def _secrets_of(self, read: SettingsT) -> object:
        return _values(read, _SECRETS)


def _values(settings: Settings, fields: Sequence[str]) -> Sequence[object]:
    return [getattr(settings, field, None) for field in fields]
