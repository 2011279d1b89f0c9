"""Lists scenarios of one payment: its events, which can arrive in any order, and the record after them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import asdict, replace

from lea_payments.payment.record import Payment
from tests.support import stripe_bodies as stripe

ORDER_DEPENDENT = ("history", "updated_at", "webhook_processed_at", "created_at")
"""The fields that depend on the order of the events: times and the history."""


class Scenario(NamedTuple):
    """The events of a payment, and the fields of its record after them."""

    events: Callable[[str], Sequence[bytes]]
    final_fields: Mapping[str, Any]


def record(payment_id: str) -> Payment:
    """A payment as checkout creates it, with the open session cs_test_a."""
    return Payment(
        payment_intent_id=payment_id,
        user_id="user_1",
        quote_id="quote_1",
        stripe_session_id="cs_test_a",
        amount=4999,
        currency="sgd",
        product_name="Travel insurance",
        created_at="2026-01-01T00:00:00.000Z",
    )


def order_independent_fields(payment: Payment) -> dict[str, Any]:
    """The fields that are the same for every order of the events."""
    return {name: value for name, value in asdict(payment).items() if name not in ORDER_DEPENDENT}


def expected_fields(payment: Payment, scenario: Scenario) -> dict[str, Any]:
    """The order-independent fields after the scenario."""
    return order_independent_fields(replace(payment, **scenario.final_fields))


_PAID = {
    "payment_status": "completed",
    "status_rank": 50,
    "status_reason": None,
    "stripe_payment_intent": "pi_a",
    "session_closed": True,
}
_EXPIRED = {"payment_status": "expired", "status_rank": 20, "session_closed": True}
_PAID_BY_B = _PAID | {"stripe_session_id": "cs_test_b", "stripe_payment_intent": "pi_b"}
_B = {"id": "cs_test_b", "payment_intent": "pi_b"}


def _review(reason: str) -> dict[str, Any]:
    return _PAID | {"payment_status": "pending", "status_rank": 45, "status_reason": reason}


SCENARIOS: Mapping[str, Scenario] = {
    "success": Scenario(lambda p: [stripe.completed(p)], _PAID),
    "free of charge": Scenario(
        lambda p: [stripe.completed(p, payment_status="no_payment_required", payment_intent=None)],
        _PAID | {"stripe_payment_intent": None},
    ),
    "decline then success": Scenario(lambda p: [stripe.declined(p), stripe.completed(p)], _PAID),
    "two declines": Scenario(
        lambda p: [stripe.declined(p, "lost_card"), stripe.declined(p, "insufficient_funds")],
        {"payment_status": "failed", "status_rank": 10, "status_reason": "card_declined:lost_card"},
    ),
    "decline then expiry": Scenario(lambda p: [stripe.declined(p), stripe.expired(p)], _EXPIRED),
    "expiry": Scenario(lambda p: [stripe.expired(p)], _EXPIRED),
    "delayed method paid": Scenario(lambda p: [stripe.awaiting(p), stripe.async_paid(p)], _PAID),
    "delayed method failed": Scenario(
        lambda p: [stripe.awaiting(p), stripe.async_failed(p), stripe.declined(p, "generic_decline")],
        {
            "payment_status": "failed",
            "status_rank": 40,
            "status_reason": "async_payment_failed",
            "session_closed": True,
        },
    ),
    "delayed method waiting": Scenario(
        lambda p: [stripe.declined(p), stripe.awaiting(p)],
        {"payment_status": "pending", "status_rank": 30, "status_reason": "awaiting_funds", "session_closed": True},
    ),
    "partial then full refund": Scenario(
        lambda p: [stripe.completed(p), stripe.refunded(p, 1000), stripe.refunded(p, 4999)],
        _PAID | {"amount_refunded": 4999},
    ),
    "partial refund": Scenario(
        lambda p: [stripe.declined(p), stripe.completed(p), stripe.refunded(p, 1000)],
        _PAID | {"amount_refunded": 1000},
    ),
    "wrong amount": Scenario(lambda p: [stripe.completed(p, amount_total=1)], _review("amount_mismatch")),
    "wrong amount after a decline": Scenario(
        lambda p: [stripe.declined(p), stripe.expired(p), stripe.completed(p, amount_total=5000)],
        _review("amount_mismatch"),
    ),
    "wrong currency": Scenario(lambda p: [stripe.completed(p, currency="usd")], _review("currency_mismatch")),
    "currency in capitals": Scenario(lambda p: [stripe.completed(p, currency="SGD")], _PAID),
    "second payment": Scenario(
        lambda p: [stripe.completed(p), stripe.completed(p, **_B)], _PAID | {"status_reason": "paid_twice"}
    ),
    "second payment of a wrong amount": Scenario(
        lambda p: [stripe.completed(p), stripe.completed(p, **_B, amount_total=1)],
        _PAID | {"status_reason": "paid_twice"},
    ),
    "old session's expiry after a new one": Scenario(
        lambda p: [stripe.completed(p, **_B), stripe.expired(p)], _PAID_BY_B
    ),
    "another session's expiry alone": Scenario(lambda p: [stripe.expired(p, id="cs_test_old")], {}),
    "another session's money": Scenario(lambda p: [stripe.completed(p, **_B), stripe.declined(p)], _PAID_BY_B),
}

AFTER_PAYMENT: Mapping[str, Scenario] = {
    "dispute won": Scenario(
        lambda _: [
            stripe.dispute("created", "needs_response"),
            stripe.dispute("updated", "under_review"),
            stripe.dispute("closed", "won"),
        ],
        {"dispute_status": 3},
    ),
    "dispute lost": Scenario(
        lambda _: [stripe.dispute("created", "needs_response"), stripe.dispute("closed", "lost")],
        {"dispute_status": 4},
    ),
    "refunds without our metadata": Scenario(
        lambda _: [stripe.refund("refund.updated", 700, "succeeded"), stripe.refund("refund.failed", 700, "failed")],
        {"amount_refunded": 700},
    ),
}
"""Scenarios of a completed payment: these events name only its PaymentIntent."""
