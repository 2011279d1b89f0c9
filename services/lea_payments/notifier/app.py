"""Builds the app of the notifier: it delivers in the background and serves only the health routes."""

import asyncio

from starlette.applications import Starlette

from lea_payments.notifier.notifier import Notifier
from lea_payments.notifier.secrets import EndpointSecrets
from lea_payments.notifier.sender import Sender
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.store.notifications.outbox import Outbox
from lea_payments.telemetry.services import notifier as telemetry


def create_app(settings: NotifierSettings, outbox: Outbox) -> Starlette:
    """The app of the notifier."""
    secrets = EndpointSecrets(settings)
    sender = Sender()
    endpoints = settings.endpoints()
    telemetry.expose(endpoint.name for endpoint in endpoints)
    notifier = Notifier(outbox, sender, endpoints, secrets, settings.notify_retry_seconds)

    async def work() -> None:
        async with sender:
            await asyncio.gather(notifier.work(), secrets.watch())

    return create_base_app(outbox, outbox.ping, background=work)
