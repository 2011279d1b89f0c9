"""The webhook's current signing secrets, from the environment or from a file that can change. They are never logged."""

import time
from pathlib import Path

from lea_payments.settings import SettingsError, WebhookSettings, read_secret_file
from lea_payments.telemetry import webhook as telemetry

CHECK_SECONDS = 1.0
"""How often the file is checked: a changed secret is in use after this time at the latest."""

_Version = tuple[int, int, int]


class SigningSecrets:
    """One or more secrets, the current one first. Raises SettingsError at the start if the file has none."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._file = settings.webhook_secret_file
        self._secrets = settings.webhook_secrets
        self._version: _Version | None = None
        self._checked_at = 0.0
        if self._file is not None:
            self._version, self._secrets = _read(self._file)
            self._checked_at = time.monotonic()

    def __call__(self) -> tuple[str, ...]:
        """The secrets. A file that becomes unreadable or empty leaves the last ones in use."""
        if self._file is not None and time.monotonic() - self._checked_at >= CHECK_SECONDS:
            self._check(self._file)
        return self._secrets

    def _check(self, file: Path) -> None:
        self._checked_at = time.monotonic()
        try:
            if _version(file) == self._version:
                return
            self._version, self._secrets = _read(file)
        except (SettingsError, OSError) as error:
            telemetry.signing_secrets_kept(str(error))
        else:
            telemetry.signing_secrets_loaded(len(self._secrets))


def _version(file: Path) -> _Version:
    status = file.stat()
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(file: Path) -> tuple[_Version, tuple[str, ...]]:
    try:
        version = _version(file)  # before the text, so that a change in between is found by the next check
    except OSError as error:
        raise SettingsError(f"STRIPE_WEBHOOK_SECRET_FILE: {error}; name a readable text file") from None
    return version, read_secret_file(file)
