"""Holds the signing secrets of the endpoints, from the environment or from a file that can change. Never logs them."""

import asyncio

from lea_payments import remedies
from lea_payments.notifications.endpoints import Secrets
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.secrets.rules import SecretError
from lea_payments.serving.background.changing_secrets import ChangingSecrets, Sleep
from lea_payments.settings import SettingsError
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import metrics


class EndpointSecrets(ChangingSecrets[Secrets]):
    """The secrets of each endpoint, the current one first."""

    unreadable = "it could not be read"

    def __init__(self, settings: NotifierSettings, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(settings.endpoint_secrets(), sleep, has_files=settings.notify_secret_file is not None)
        self._settings = settings

    def __call__(self) -> Secrets:
        """The secrets of the last valid file."""
        return self._in_use

    def _read(self) -> Secrets:
        try:
            return self._settings.endpoint_secrets()
        except SecretError as error:
            raise SettingsError(remedies.sentence("NOTIFY_SECRET_FILE", str(error))) from None

    def _use(self, read: Secrets) -> None:  # noqa: ARG002 - the base class keeps them
        telemetry.secrets_loaded([metrics.NOTIFY_SECRETS_FILE])

    def _keep(self, problem: str) -> None:
        telemetry.secrets_kept(problem, {metrics.NOTIFY_SECRETS_FILE: False})
