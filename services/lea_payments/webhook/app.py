"""The receiver of Stripe's events: one durable write, then 2xx; no key and no call to Stripe in this path."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lea_payments.log import log
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.serving import app as web
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, body_of
from lea_payments.settings import WebhookSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidSignatureError, WebhookError
from lea_payments.stripe.events import Delivery, Ignored
from lea_payments.stripe.signature_diagnosis import SignatureDiagnosis
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry.events import WEBHOOK_ROUTE as ROUTE
from lea_payments.webhook.signing_secrets import SigningSecrets

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


class DeliveryResult(NamedTuple):
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
        self._diagnosis = SignatureDiagnosis(livemode=settings.livemode)
        self._store = store

    async def take(self, request: Request) -> DeliveryResult:
        """The result of one delivery; never raises."""
        try:
            body = await body_of(request, BODY_LIMIT)
            delivery = self._read(body, request.headers.get("stripe-signature"))
            return await self._settle(delivery)
        except InvalidSignatureError as refused:
            telemetry.signature_refused(refused.reason, refused.skew_seconds)
            return DeliveryResult(refused.outcome, reason=refused.reason)
        except WebhookError as refused:
            return DeliveryResult(refused.outcome, reason=str(refused))
        except BodyTooLargeError:
            return DeliveryResult("too_large", reason=f"over {BODY_LIMIT} bytes")
        except BodyIncompleteError:
            return DeliveryResult("invalid_payload", reason="the sender broke off")
        except Exception:  # noqa: BLE001 - Stripe gets its 500 and we get its traceback
            log.exception("webhook_error")
            return DeliveryResult("error")

    def _read(self, body: bytes, header: str | None) -> Delivery:
        now, secrets = time.time(), self._secrets()
        try:
            delivery = stripe_events.read(body, header, secrets=secrets, now=now, livemode=self._livemode)
        except InvalidSignatureError as refused:
            raise self._diagnosis.diagnose(refused, body, header, secrets=secrets, now=now) from None
        telemetry.signature_held(delivery.secret_index, now - delivery.signed_at)
        return delivery

    async def _settle(self, delivery: Delivery) -> DeliveryResult:
        event = delivery.event
        if isinstance(event, Ignored):
            return DeliveryResult(event.outcome, event)
        try:
            applied = await self._store.apply(event)
        except UnavailableError as trouble:
            return DeliveryResult("unavailable", event, reason=str(trouble))
        telemetry.payment_changed(applied.outcome, event, applied.before, applied.after)
        if applied.after is None:
            return DeliveryResult(applied.outcome, event)
        return DeliveryResult(applied.outcome, event, applied.after.payment_intent_id, applied.after.status_reason)


class StripeWebhook:
    """The route as a bare ASGI app: between the socket and the receiver stands nothing that a delivery does not use."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes one delivery of Stripe's and answers in one word what became of it."""
        with telemetry.Receiving() as receipt:
            result = await self._receiver.take(Request(scope, receive))
            status = HTTP_STATUS[result.outcome]
            telemetry.answered(receipt, result.outcome, status, result.event, result.payment_id, result.reason)
        body = b'{"outcome":"%s"}' % result.outcome.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def create_app(settings: WebhookSettings, store: PaymentStore) -> ASGIApp:
    """The receiver; raises SettingsError when its secrets cannot be read."""
    app = web.create_app(
        store,
        title="LEA Payments webhook",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    stripe_webhook = StripeWebhook(Receiver(settings, store))
    app.router.routes.append(Route(ROUTE, stripe_webhook, methods=["POST"]))
    app.add_exception_handler(HTTPException, web.error_response)

    async def shortest_way(scope: Scope, receive: Receive, send: Send) -> None:
        delivery = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == ROUTE
        await (stripe_webhook if delivery else app)(scope, receive, send)

    return shortest_way
