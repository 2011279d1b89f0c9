"""Serves the webhook: verifies the signature, writes once, answers. It has no Stripe API key and never calls Stripe."""

import time
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from lea_payments.payment.changes import NO_PAYMENT, Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.serving.http.direct import Exchange
from lea_payments.settings import WebhookSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidSignatureError, WebhookError
from lea_payments.stripe.events import WEBHOOK_PATH, Ignored
from lea_payments.stripe.signature_diagnosis import SignatureDiagnosis
from lea_payments.telemetry import events as business_events
from lea_payments.telemetry.applying import Applying
from lea_payments.telemetry.services import webhook as telemetry
from lea_payments.telemetry.services.webhook import Delivery
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

_RETRY_AFTER: Mapping[int, bytes] = {503: b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS}
_ANSWERS: Mapping[str, tuple[int, bytes, bytes]] = {
    outcome: (status, b'{"outcome":"%s"}' % outcome.encode(), _RETRY_AFTER.get(status, b""))
    for outcome, status in HTTP_STATUS.items()
}
"""The status, the body and the headers of each outcome's answer."""


class Webhook:
    """Processes deliveries on a straight line: from the last byte of a body to the write, without a task.

    Each of its methods either goes one step further or answers.
    """

    paths = frozenset((WEBHOOK_PATH, f"{WEBHOOK_PATH}/"))
    """With and without a slash at the end: Stripe follows no redirect, and counts one as a failure."""

    body_limit = BODY_LIMIT

    def __init__(self, settings: WebhookSettings, secrets: SigningSecrets, store: PaymentStore) -> None:
        self._secrets = secrets
        self._livemode, self._account = settings.livemode, settings.account
        self._diagnosis = SignatureDiagnosis(livemode=settings.livemode)
        self._store = store

    def receive(self, exchange: Exchange, body: bytes) -> None:
        """Processes a delivery whose body is complete: verify, translate, begin to apply. Never raises."""
        delivery = Delivery(exchange.started, exchange.started_ns)
        event: PaymentEvent | Ignored | None = None
        try:
            event = self._verified_event(exchange, delivery, body)
            if isinstance(event, PaymentEvent):
                applied = partial(self._applied, exchange, delivery, event)
                self._store.begin(event, Applying(delivery.trace), applied)
            elif event is not None:
                self._answer(exchange, delivery, event.outcome, event, reason=event.reason)
        except WebhookError as error:
            self._answer(exchange, delivery, error.outcome, reason=str(error))
        except Exception as error:  # noqa: BLE001 - Stripe gets a 500 and retries; the log gets the traceback
            self._failed(exchange, delivery, event, error)

    def refuse(self, exchange: Exchange, error: BodyTooLargeError | BodyIncompleteError) -> None:
        """Answers a delivery whose body is too large, or ended early."""
        delivery = Delivery(exchange.started, exchange.started_ns)
        if isinstance(error, BodyTooLargeError):
            self._answer(exchange, delivery, "too_large", reason=f"over {BODY_LIMIT} bytes")
        else:
            reason = "the connection closed before the end of the body"
            self._answer(exchange, delivery, "invalid_payload", reason=reason)

    def _verified_event(self, exchange: Exchange, delivery: Delivery, body: bytes) -> PaymentEvent | Ignored | None:
        """The event of a delivery, or None if its signature is not valid. Raises WebhookError."""
        now, secrets, signature = time.time(), self._secrets(), exchange.header(b"stripe-signature")
        try:
            verified = stripe_events.read(
                body, signature, secrets=secrets, now=now, livemode=self._livemode, account=self._account
            )
        except InvalidSignatureError as error:
            rejected = partial(self._rejected, exchange, delivery)
            self._diagnosis.diagnose(error, body, signature, secrets=secrets, now=now, callback=rejected)
            return None
        telemetry.signature_verified(verified.secret_index, now - verified.signed_at)
        return verified.event

    def _rejected(self, exchange: Exchange, delivery: Delivery, error: BaseException) -> None:
        if isinstance(error, InvalidSignatureError):
            telemetry.signature_rejected(error.reason, error.skew_seconds)
            self._answer(exchange, delivery, error.outcome, reason=error.reason)
        else:
            self._failed(exchange, delivery, None, error)

    def _applied(
        self, exchange: Exchange, delivery: Delivery, event: PaymentEvent, applied: Applied | Exception
    ) -> None:
        if isinstance(applied, Exception):
            self._failed(exchange, delivery, event, applied)
            return
        try:
            business_events.payment_changed(applied.outcome, event, applied.before, applied.after, delivery.trace)
        except Exception as error:  # noqa: BLE001 - the same as above
            self._failed(exchange, delivery, event, error)
            return
        if applied.after is None:
            reason = NO_PAYMENT if applied.outcome is Outcome.IGNORED else None
            self._answer(exchange, delivery, applied.outcome, event, reason=reason)
        else:
            payment_id, reason = applied.after.payment_intent_id, applied.after.status_reason
            self._answer(exchange, delivery, applied.outcome, event, payment_id, reason)

    def _failed(
        self, exchange: Exchange, delivery: Delivery, event: PaymentEvent | Ignored | None, error: BaseException
    ) -> None:
        if isinstance(error, UnavailableError):
            self._answer(exchange, delivery, "unavailable", event, reason=str(error))
        else:
            telemetry.webhook_failed(error)
            self._answer(exchange, delivery, "error")

    def _answer(
        self,
        exchange: Exchange,
        delivery: Delivery,
        outcome: str,
        event: PaymentEvent | Ignored | None = None,
        payment_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Answers, and records the answer. `payment_id` is set only if the payment has a record."""
        status, body, headers = _ANSWERS[outcome]
        exchange.answer(status, body, headers)
        delivery.answered(outcome, status, event, payment_id, reason)


class _OnlyPost:
    """Answers what reaches the app at the path of deliveries: requests with another method."""

    async def __call__(self, *_: object) -> None:
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})


def create_app(settings: WebhookSettings, store: PaymentStore) -> tuple[ASGIApp, Webhook]:
    """The app of the webhook, and what answers its deliveries. Raises SettingsError if its secrets cannot be read."""
    secrets = SigningSecrets(settings)
    app = create_base_app(store, store.ping_events, background=secrets.watch)
    app.router.routes.extend(Route(path, _OnlyPost()) for path in Webhook.paths)
    return app, Webhook(settings, secrets, store)
