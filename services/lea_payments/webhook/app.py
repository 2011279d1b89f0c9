"""Serves the webhook: verifies the signature, writes once, answers. It has no Stripe API key and never calls Stripe."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lea_payments.payment.changes import NO_PAYMENT
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, header, read_body
from lea_payments.settings import WebhookSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidSignatureError, WebhookError
from lea_payments.stripe.events import WEBHOOK_PATH, Ignored
from lea_payments.stripe.signature_diagnosis import SignatureDiagnosis
from lea_payments.telemetry import events as business_events
from lea_payments.telemetry.services import webhook as telemetry
from lea_payments.webhook.signing_secrets import SigningSecrets

BODY_LIMIT = 256 * 1024
"""In bytes. Stripe's events are a few KiB; a larger body is not read to its end."""

HTTP_STATUS: Mapping[str, int] = {
    **dict.fromkeys(Outcome.__members__.values(), 200),
    "invalid_signature": 400,
    "invalid_payload": 400,
    "too_large": 413,
    "unavailable": 503,
    "error": 500,
}
"""Stripe retries for three days unless the status is 2xx. 4xx is for deliveries that cannot be trusted or read."""


RETRY_AFTER_SECONDS = 10
"""For senders that respect it, after a 503: a short outage is over by then. Stripe has a schedule of its own."""


class DeliveryResult(NamedTuple):
    """The result of one delivery. `payment_id` is set only if the payment has a record."""

    outcome: str
    event: PaymentEvent | Ignored | None = None
    payment_id: str | None = None
    reason: str | None = None


class Webhook:
    """Processes deliveries: from raw bytes to the result."""

    def __init__(self, settings: WebhookSettings, secrets: SigningSecrets, store: PaymentStore) -> None:
        self._secrets = secrets
        self._livemode, self._account = settings.livemode, settings.account
        self._diagnosis = SignatureDiagnosis(livemode=settings.livemode)
        self._store = store

    async def process(self, scope: Scope, receive: Receive) -> DeliveryResult:
        """The result of one delivery; never raises."""
        try:
            event = await self._verified_event(
                # Nothing keeps the body while the event waits for the table.
                await read_body(scope, receive, BODY_LIMIT),
                header(scope, b"stripe-signature"),
            )
            return await self._apply(event)
        except InvalidSignatureError as error:
            telemetry.signature_rejected(error.reason, error.skew_seconds)
            return DeliveryResult(error.outcome, reason=error.reason)
        except WebhookError as error:
            return DeliveryResult(error.outcome, reason=str(error))
        except BodyTooLargeError:
            return DeliveryResult("too_large", reason=f"over {BODY_LIMIT} bytes")
        except BodyIncompleteError:
            return DeliveryResult("invalid_payload", reason="the connection closed before the end of the body")
        except Exception:  # noqa: BLE001 - Stripe gets a 500 and retries; the log gets the traceback
            telemetry.webhook_failed()
            return DeliveryResult("error")

    async def _verified_event(self, body: bytes, signature: str | None) -> PaymentEvent | Ignored:
        now, secrets = time.time(), self._secrets()
        try:
            delivery = stripe_events.read(
                body, signature, secrets=secrets, now=now, livemode=self._livemode, account=self._account
            )
        except InvalidSignatureError as error:
            raise await self._diagnosis.diagnose(error, body, signature, secrets=secrets, now=now) from None
        telemetry.signature_verified(delivery.secret_index, now - delivery.signed_at)
        return delivery.event

    async def _apply(self, event: PaymentEvent | Ignored) -> DeliveryResult:
        if isinstance(event, Ignored):
            return DeliveryResult(event.outcome, event, reason=event.reason)
        try:
            applied = await self._store.apply(event)
        except UnavailableError as error:
            return DeliveryResult("unavailable", event, reason=str(error))
        business_events.payment_changed(applied.outcome, event, applied.before, applied.after)
        if applied.after is None:
            return DeliveryResult(
                applied.outcome, event, reason=NO_PAYMENT if applied.outcome is Outcome.IGNORED else None
            )
        return DeliveryResult(applied.outcome, event, applied.after.payment_intent_id, applied.after.status_reason)


class WebhookRoute:
    """`POST /webhook/stripe` as a plain ASGI app, so that a delivery does not pass Starlette's middleware and routing.

    The path can end with a slash: Stripe follows no redirect, and counts one as a failure.
    """

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Processes one delivery, records it, and answers with its outcome."""
        with telemetry.delivery_span() as span:
            result = await self._webhook.process(scope, receive)
            status = HTTP_STATUS[result.outcome]
            telemetry.webhook_answered(span, result.outcome, status, result.event, result.payment_id, result.reason)
        body = b'{"outcome":"%s"}' % result.outcome.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def create_app(settings: WebhookSettings, store: PaymentStore) -> ASGIApp:
    """The app of the webhook; raises SettingsError if its secrets cannot be read."""
    secrets = SigningSecrets(settings)
    app = create_base_app(store, store.ping_events, background=secrets.watch)
    route = WebhookRoute(Webhook(settings, secrets, store))
    paths = (WEBHOOK_PATH, f"{WEBHOOK_PATH}/")
    app.router.routes.extend(Route(path, route, methods=["POST"]) for path in paths)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        is_delivery = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in paths
        await (route if is_delivery else app)(scope, receive, send)

    return dispatch
