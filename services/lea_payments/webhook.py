"""The receiver of Stripe's events: one durable write, then 2xx; no key and no call to Stripe in this path."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lea_payments import stripe_events, telemetry, web
from lea_payments.dynamodb import Unavailable
from lea_payments.payment import Outcome, PaymentEvent
from lea_payments.refusals import InvalidSignature, Refused
from lea_payments.settings import WebhookSettings
from lea_payments.signing_secrets import SigningSecrets
from lea_payments.store import PaymentStore
from lea_payments.stripe_events import Delivery, Ignored

BODY_LIMIT = 256 * 1024
"""In bytes. Stripe's events are a few KiB; whatever is larger is not read to the end."""

HTTP_STATUS: Mapping[str, int] = {
    **dict.fromkeys(Outcome.__members__.values(), 200),
    "invalid_signature": 400,
    "invalid_payload": 400,
    "too_large": 413,
    "unavailable": 503,
    "error": 500,
}
"""Every answer but 2xx makes Stripe send again for three days: 4xx is only for what we cannot trust or read."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one delivery, for the answer and for telemetry.

    `payment_id` is that of a record of ours: what another system on the account calls its payments may be anything.
    """

    outcome: str
    event: PaymentEvent | Ignored | None = None
    payment_id: str | None = None
    reason: str | None = None


class Receiver:
    """What a delivery goes through, from raw bytes to its result."""

    def __init__(self, settings: WebhookSettings, store: PaymentStore) -> None:
        self._secrets = SigningSecrets(settings)
        self._livemode = settings.livemode
        self._store = store

    async def take(self, request: Request) -> Result:
        """The result of one delivery; never raises."""
        try:
            body = await web.body_of(request, BODY_LIMIT)
            delivery = self._read(body, request.headers.get("stripe-signature"))
            return await self._settle(delivery)
        except InvalidSignature as refused:
            telemetry.signature_refused(refused.reason, refused.skew_seconds)
            return Result(refused.outcome, reason=refused.reason)
        except Refused as refused:
            return Result(refused.outcome, reason=str(refused))
        except web.TooLarge:
            return Result("too_large", reason=f"over {BODY_LIMIT} bytes")
        except web.BrokenOff:
            return Result("invalid_payload", reason="the sender broke off")
        except Exception:  # noqa: BLE001 - Stripe gets its 500 and we get its traceback
            telemetry.log.exception("webhook_error")
            return Result("error")

    def _read(self, body: bytes, header: str | None) -> Delivery:
        now = time.time()
        delivery = stripe_events.read(body, header, secrets=self._secrets(), now=now, livemode=self._livemode)
        telemetry.signature_held(delivery.secret_index, now - delivery.signed_at)
        return delivery

    async def _settle(self, delivery: Delivery) -> Result:
        event = delivery.event
        if isinstance(event, Ignored):
            return Result(event.outcome, event)
        try:
            applied = await self._store.apply(event)
        except Unavailable as trouble:
            return Result("unavailable", event, reason=str(trouble))
        telemetry.payment_changed(applied.outcome, event, applied.before, applied.after)
        if applied.after is None:
            return Result(applied.outcome, event)
        return Result(applied.outcome, event, applied.after.payment_intent_id, applied.after.status_reason)


async def stripe_webhook(request: Request) -> Response:
    """Takes one delivery of Stripe's and answers in one word what became of it."""
    receiver: Receiver = request.app.state.receiver
    with telemetry.receiving() as receipt:
        result = await receiver.take(request)
        status = HTTP_STATUS[result.outcome]
        telemetry.answered(receipt, result.outcome, status, result.event, result.payment_id, result.reason)
    return web.json_response(status, {"outcome": result.outcome})


def create_app(settings: WebhookSettings, store: PaymentStore) -> FastAPI:
    """The receiver; raises SettingsError when its secrets cannot be read."""
    app = web.create_app(
        store,
        title="LEA Payments webhook",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=web.OWN_SPANS,
    )
    app.state.receiver = Receiver(settings, store)
    app.add_route("/webhook/stripe", stripe_webhook, methods=["POST"])
    app.add_exception_handler(HTTPException, web.error_response)
    return app
