"""The webhook's signing secrets as they are now: from the environment, or from a file that may change; never logged."""

import time
from pathlib import Path

from lea_payments.log import log
from lea_payments.settings import SettingsError, WebhookSettings, read_secret_file

LOOK_SECONDS = 1.0
"""How often the file is looked at: a changed secret counts after this long at the latest."""

_State = tuple[int, int, int]


class SigningSecrets:
    """One or more secrets, the current one first. Raises SettingsError at the start when the file holds none."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._file = settings.webhook_secret_file
        self._secrets = settings.webhook_secrets
        self._state: _State | None = None
        self._looked_at = 0.0
        if self._file is not None:
            self._state, self._secrets = _read(self._file)
            self._looked_at = time.monotonic()

    def __call__(self) -> tuple[str, ...]:
        """The secrets; a file that has become unreadable or empty leaves the last ones in force."""
        if self._file is not None and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look(self._file)
        return self._secrets

    def _look(self, file: Path) -> None:
        self._looked_at = time.monotonic()
        try:
            if _state(file) == self._state:
                return
            self._state, self._secrets = _read(file)
        except (SettingsError, OSError) as error:
            log.error("signing_secrets_kept", problem=str(error))
        else:
            log.info("signing_secrets_read", count=len(self._secrets))


def _state(file: Path) -> _State:
    found = file.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(file: Path) -> tuple[_State, tuple[str, ...]]:
    try:
        state = _state(file)  # before the text, so that a change in between is noticed at the next look
    except OSError as error:
        raise SettingsError(f"STRIPE_WEBHOOK_SECRET_FILE: {error}; name a readable text file") from None
    return state, read_secret_file(file)
