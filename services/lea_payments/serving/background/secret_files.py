"""Holds the API key and the tokens of callers that are in files, and passes changed ones on."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from lea_payments.serving.background.changing_secrets import ChangingSecrets, Sleep
from lea_payments.settings import Settings
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import metrics


class _File(NamedTuple):
    """A file of secrets: its label, the fields of its path and of its secrets, and how a report about it begins."""

    label: str
    path: str
    secrets: str
    variable: str


_FILES = (
    _File(metrics.API_KEY_FILE, "stripe_secret_key_file", "stripe_secret_key", "STRIPE_SECRET_KEY"),
    _File(metrics.API_TOKENS_FILE, "api_token_file", "api_tokens", "PAYMENTS_API_TOKEN"),
    _File(metrics.MCP_TOKENS_FILE, "mcp_token_file", "mcp_tokens", "MCP_TOKEN"),
)

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
        self._files = [file for file in _FILES if getattr(settings, file.path, None) is not None]
        super().__init__(settings, sleep, has_files=bool(self._files))
        self._pass_on, self._read_again = use, read_again

    def _read(self) -> SettingsT:
        return self._read_again()

    def _use(self, read: SettingsT) -> None:
        self._pass_on(read)
        telemetry.secrets_loaded(file.label for file in self._files)

    def _keep(self, problem: str) -> None:
        named = [file for file in self._files if _names(problem, file.variable)]
        # A report that names none of the files is about all of them.
        invalid = named or self._files
        telemetry.secrets_kept(problem, {file.label: file not in invalid for file in self._files})

    def _secrets_of(self, read: SettingsT) -> object:
        return [getattr(read, file.secrets, None) for file in _FILES]


def _names(problem: str, variable: str) -> bool:
    """Whether one of the reported lines is about a variable or the one of its file."""
    return any(line.startswith(variable) for line in problem.splitlines())
