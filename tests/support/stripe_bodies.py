"""Creates the bodies of Stripe's snapshot events and their signatures."""

import itertools
import json
import time
from typing import Any

import stripe

from tests.support.secrets import signing_secret

API_VERSION = "2026-10-28.endive"
SECRET = signing_secret("tests")
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
        "mode": "payment",
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


def declined(
    payment_id: str, code: str = "insufficient_funds", intent: str = "pi_a", attempt: str | None = None
) -> bytes:
    """A declined card; the session stays open. A payment of checkout has the attempt's number."""
    metadata = {"payment_intent_id": payment_id} | ({"attempt": attempt} if attempt else {})
    resource = intent_object(intent, code=code, metadata=metadata)
    return event("payment_intent.payment_failed", resource)


def intent_object(intent: str = "pi_a", code: str | None = "insufficient_funds", **fields: Any) -> dict[str, Any]:
    """A PaymentIntent whose last card was declined, unless the code is None; `fields` override its fields."""
    error = {"code": "card_declined", "decline_code": code, "type": "card_error"} if code else None
    resource = {"id": intent, "object": "payment_intent", "last_payment_error": error, "metadata": {}}
    return resource | {"status": "requires_payment_method"} | fields


def refunded(payment_id: str, amount: int, intent: str = "pi_a") -> bytes:
    """A charge with its total refunded amount, in minor units."""
    resource = {"id": f"ch_of_{intent}", "object": "charge", "amount_refunded": amount, "payment_intent": intent}
    return event("charge.refunded", resource | {"metadata": {"payment_intent_id": payment_id}})


def charge_object(intent: str = "pi_a", **fields: Any) -> dict[str, Any]:
    """A charge that succeeded, paid with a Visa card; `fields` override its fields."""
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "fingerprint": "someone", "country": "SG"}
    resource = {"id": f"ch_of_{intent}", "object": "charge", "amount_refunded": 0, "payment_intent": intent}
    resource |= {"status": "succeeded", "billing_details": {"email": "someone@example.com"}, "metadata": {}}
    return resource | {"payment_method_details": {"type": "card", "card": card}} | fields


def charged(payment_id: str, intent: str = "pi_a", **fields: Any) -> bytes:
    """A charge that succeeded, with its PaymentIntent's metadata; `fields` override its fields."""
    metadata = {"payment_intent_id": payment_id}
    return event("charge.succeeded", charge_object(intent, **({"metadata": metadata} | fields)))


def refund(event_type: str, amount: int, status: str, intent: str = "pi_a", **fields: Any) -> bytes:
    """A refund; `fields` override its fields."""
    return event(event_type, refund_object(amount, status, intent, **fields))


def refund_object(amount: int, status: str, intent: str = "pi_a", **fields: Any) -> dict[str, Any]:
    """A refund, which has no metadata and names only its PaymentIntent; `fields` override its fields."""
    resource = {"id": "re_a", "object": "refund", "amount": amount, "payment_intent": intent, "status": status}
    return resource | {"metadata": {}} | fields


def dispute(stage: str, status: str, intent: str = "pi_a", **fields: Any) -> bytes:
    """A dispute; `fields` override its fields."""
    return event(f"charge.dispute.{stage}", dispute_object(status, intent, **fields))


def dispute_object(status: str, intent: str = "pi_a", **fields: Any) -> dict[str, Any]:
    """A dispute, which has no metadata and names only its PaymentIntent; `fields` override its fields."""
    resource = {"id": "du_a", "object": "dispute", "amount": 4999, "status": status, "payment_intent": intent}
    return resource | {"metadata": {}} | fields


def fraud_warning(stage: str, *, actionable: bool, intent: str = "pi_a", **fields: Any) -> bytes:
    """An early fraud warning; `fields` override its fields."""
    resource = warning_object(actionable=actionable, intent=intent, **fields)
    return event(f"radar.early_fraud_warning.{stage}", resource)


def warning_object(*, actionable: bool, intent: str = "pi_a", **fields: Any) -> dict[str, Any]:
    """An early fraud warning, which names only its PaymentIntent; `fields` override its fields."""
    resource = {"id": "issfr_a", "object": "radar.early_fraud_warning", "actionable": actionable}
    return resource | {"payment_intent": intent} | fields
