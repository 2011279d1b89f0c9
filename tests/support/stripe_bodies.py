"""Creates the bodies of Stripe's snapshot events and their signatures."""

import itertools
import json
import time
from typing import Any

import stripe

API_VERSION = "2026-10-28.endive"
SECRET = "whsec_of_the_tests"
_numbers = itertools.count(1)


def sign(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """The `Stripe-Signature` header, from the official package; `at` is in seconds since 1970."""
    timestamp = int(time.time() if at is None else at)
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp))


def event(event_type: str, resource: dict[str, Any], **fields: Any) -> bytes:
    """A snapshot event around an object."""
    body = {
        "id": f"evt_{next(_numbers):012}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": {"object": resource},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1", "idempotency_key": None},
        "type": event_type,
    }
    return json.dumps(body | fields).encode()


def session(payment_id: str | None, **fields: Any) -> dict[str, Any]:
    """A paid Checkout Session; `fields` override its fields."""
    resource = {
        "id": "cs_test_a",
        "object": "checkout.session",
        "amount_total": 4999,
        "client_reference_id": payment_id,
        "currency": "sgd",
        "customer_details": {"email": "someone@example.com", "name": "Someone"},
        "metadata": {},
        "payment_intent": "pi_a",
        "payment_status": "paid",
        "status": "complete",
    }
    return resource | fields


def completed(payment_id: str | None, **fields: Any) -> bytes:
    """A session that was completed and paid."""
    return event("checkout.session.completed", session(payment_id, **fields))


def awaiting(payment_id: str, **fields: Any) -> bytes:
    """A session that was completed with a delayed method and is not paid yet."""
    return completed(payment_id, payment_status="unpaid", **fields)


def async_paid(payment_id: str, **fields: Any) -> bytes:
    """A delayed payment that succeeded."""
    return event("checkout.session.async_payment_succeeded", session(payment_id, **fields))


def async_failed(payment_id: str, **fields: Any) -> bytes:
    """A delayed payment that failed."""
    resource = session(payment_id, payment_status="unpaid", **fields)
    return event("checkout.session.async_payment_failed", resource)


def expired(payment_id: str, **fields: Any) -> bytes:
    """A session that expired unpaid."""
    unpaid = {"payment_status": "unpaid", "status": "expired", "payment_intent": None}
    return event("checkout.session.expired", session(payment_id, **(unpaid | fields)))


def declined(payment_id: str, code: str = "insufficient_funds", intent: str = "pi_a") -> bytes:
    """A declined card; the session stays open."""
    error = {"code": "card_declined", "decline_code": code, "type": "card_error"}
    resource = {"id": intent, "object": "payment_intent", "last_payment_error": error}
    return event("payment_intent.payment_failed", resource | {"metadata": {"payment_intent_id": payment_id}})


def refunded(payment_id: str, amount: int, intent: str = "pi_a") -> bytes:
    """A charge with its total refunded amount, in minor units."""
    resource = {"id": "ch_a", "object": "charge", "amount_refunded": amount, "payment_intent": intent}
    return event("charge.refunded", resource | {"metadata": {"payment_intent_id": payment_id}})


def refund(event_type: str, amount: int, status: str, intent: str = "pi_a") -> bytes:
    """A refund, which has no metadata and names only its PaymentIntent."""
    resource = {"id": "re_a", "object": "refund", "amount": amount, "payment_intent": intent, "status": status}
    return event(event_type, resource | {"metadata": {}})


def dispute(stage: str, status: str, intent: str = "pi_a") -> bytes:
    """A dispute, which has no metadata and names only its PaymentIntent."""
    resource = {"id": "du_a", "object": "dispute", "status": status, "payment_intent": intent, "metadata": {}}
    return event(f"charge.dispute.{stage}", resource)
