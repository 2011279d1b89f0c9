"""Lists scenarios of refunds, disputes, fraud warnings and objects from lists."""

from collections.abc import Mapping
from typing import Any

from tests.support import stripe_bodies as stripe
from tests.support.scenario import (
    ASYNC_FAILED,
    EXPIRED,
    PAID,
    PAID_BY_B,
    PAID_TWICE,
    B,
    ListedObject,
    Scenario,
    declined,
)


def _of(payment_id: str) -> dict[str, Any]:
    """The metadata of a refund that our own software created: it names the payment."""
    return {"metadata": {"payment_intent_id": payment_id}}


def _both_paid(payment_id: str) -> list[bytes]:
    return [stripe.completed(payment_id), stripe.completed(payment_id, **B)]


REFUNDS: Mapping[str, Scenario] = {
    "partial then full refund": Scenario(
        lambda p: [stripe.completed(p), stripe.refunded(p, 1000), stripe.refunded(p, 4999)],
        {**PAID, "amount_refunded": 4999},
    ),
    "partial refund": Scenario(
        lambda p: [stripe.declined(p), stripe.completed(p), stripe.refunded(p, 1000)],
        {**PAID, "amount_refunded": 1000},
    ),
    "payment method and refunds by their total": Scenario(
        lambda p: [stripe.charged(p), stripe.completed(p), stripe.refunded(p, 1000), stripe.refunded(p, 4999)],
        {**PAID, "amount_refunded": 4999},
    ),
    "payment methods of a payment that was paid twice": Scenario(
        lambda p: [*_both_paid(p), stripe.charged(p), stripe.charged(p, "pi_b")], PAID_TWICE
    ),
    "refund by its id outweighs the total": Scenario(
        lambda p: [
            stripe.completed(p),
            stripe.refunded(p, 4999),
            stripe.refund("refund.created", 700, "succeeded", **_of(p)),
        ],
        {**PAID, "amount_refunded": 700},
    ),
    "duplicate refunded": Scenario(
        lambda p: [*_both_paid(p), stripe.refund("refund.updated", 4999, "succeeded", "pi_b", **_of(p))],
        {**PAID_TWICE, "status_reason": None},
    ),
    "duplicate refunded, by its charge": Scenario(
        lambda p: [*_both_paid(p), stripe.refunded(p, 4999, "pi_b")], {**PAID_TWICE, "status_reason": None}
    ),
    "first of two payments refunded": Scenario(
        lambda p: [*_both_paid(p), stripe.refund("refund.updated", 4999, "succeeded", **_of(p))], PAID_BY_B
    ),
    "duplicate refunded in part": Scenario(
        lambda p: [*_both_paid(p), stripe.refund("refund.updated", 4998, "succeeded", "pi_b", **_of(p))], PAID_TWICE
    ),
    "duplicate's refund fails later": Scenario(
        lambda p: [
            *_both_paid(p),
            stripe.refund("refund.updated", 4999, "succeeded", "pi_b", **_of(p)),
            stripe.refund("refund.failed", 4999, "failed", "pi_b", **_of(p)),
        ],
        PAID_TWICE,
    ),
    "both payments refunded": Scenario(
        lambda p: [
            *_both_paid(p),
            stripe.refund("refund.created", 4999, "succeeded", id="re_1", **_of(p)),
            stripe.refund("refund.created", 4999, "succeeded", "pi_b", id="re_2", **_of(p)),
        ],
        {**PAID_TWICE, "status_reason": None, "amount_refunded": 4999},
    ),
}
"""Refunds that name the payment."""


def _listed_session(payment_id: str, **fields: Any) -> list[ListedObject]:
    return [ListedObject("checkout.session", stripe.session(payment_id, created=1, livemode=False, **fields))]


LISTS: Mapping[str, Scenario] = {
    "paid session in an event and in a list": Scenario(lambda p: [stripe.completed(p)], PAID, objects=_listed_session),
    "expired session only in a list": Scenario(
        lambda p: [stripe.declined(p)],
        EXPIRED,
        objects=lambda p: _listed_session(p, status="expired", payment_status="unpaid", payment_intent=None),
    ),
    "failed delayed payment only in a list": Scenario(
        lambda p: [stripe.awaiting(p)],
        ASYNC_FAILED,
        objects=lambda p: _listed_session(p, payment_status="unpaid", payment_intent=stripe.intent_object()),
    ),
    "decline only in a list": Scenario(
        lambda _: [],
        declined(),
        objects=lambda p: _listed_session(
            p, status="open", payment_status="unpaid", payment_intent=stripe.intent_object()
        ),
    ),
    "refund and dispute only in lists": Scenario(
        lambda p: [stripe.completed(p)],
        {**PAID, "amount_refunded": 700, "dispute_status": "lost"},
        objects=lambda p: [
            ListedObject("refund", stripe.refund_object(700, "succeeded", **_of(p))),
            ListedObject("dispute", stripe.dispute_object("lost", **_of(p))),
        ],
    ),
}
"""Objects that the reconciler reads, mixed with events."""


def _refunds(*states: str, amount: int = 700, refund_id: str = "re_a") -> list[bytes]:
    return [
        stripe.refund("refund.failed" if state == "failed" else "refund.updated", amount, state, id=refund_id)
        for state in states
    ]


def _disputes(*states: str, dispute_id: str = "du_a") -> list[bytes]:
    return [stripe.dispute("updated", state, id=dispute_id) for state in states]


REFUNDS_OF_THE_INTENT: Mapping[str, Scenario] = {
    "refund pending": Scenario(lambda _: _refunds("pending"), {"amount_refunded": 700}),
    "refund requires action": Scenario(lambda _: _refunds("pending", "requires_action"), {"amount_refunded": 700}),
    "refunds without our metadata": Scenario(lambda _: _refunds("pending", "succeeded"), {"amount_refunded": 700}),
    "refund failed after it succeeded": Scenario(
        lambda _: _refunds("pending", "succeeded", "failed"), {"amount_refunded": 0}
    ),
    "refund canceled": Scenario(lambda _: _refunds("requires_action", "canceled"), {"amount_refunded": 0}),
    "refund of an unknown state": Scenario(lambda _: _refunds("of_tomorrow"), {"amount_refunded": 700}),
    "two partial refunds": Scenario(
        lambda _: [*_refunds("succeeded"), *_refunds("succeeded", amount=300, refund_id="re_b")],
        {"amount_refunded": 1000},
    ),
    "two partial refunds, one failed": Scenario(
        lambda _: [*_refunds("succeeded", "failed"), *_refunds("succeeded", amount=300, refund_id="re_b")],
        {"amount_refunded": 300},
    ),
    "refund whose metadata names a PaymentIntent": Scenario(
        lambda _: [stripe.refund("refund.updated", 700, "succeeded", metadata={"payment_intent_id": "pi_a"})],
        {"amount_refunded": 700},
    ),
}

DISPUTES: Mapping[str, Scenario] = {
    "dispute won": Scenario(lambda _: _disputes("needs_response", "under_review", "won"), {"dispute_status": "won"}),
    "dispute lost": Scenario(lambda _: _disputes("needs_response", "lost"), {"dispute_status": "lost"}),
    "dispute prevented": Scenario(lambda _: _disputes("needs_response", "prevented"), {"dispute_status": "won"}),
    "dispute of an unknown state": Scenario(lambda _: _disputes("of_tomorrow"), {"dispute_status": "open"}),
    "dispute without an id": Scenario(
        lambda _: [stripe.dispute("created", "needs_response", id=None), stripe.dispute("closed", "lost", id=None)],
        {"dispute_status": "lost"},
    ),
    "inquiry closed": Scenario(
        lambda _: _disputes("warning_needs_response", "warning_under_review", "warning_closed"),
        {"dispute_status": "won"},
    ),
    "inquiry becomes a chargeback": Scenario(
        lambda _: _disputes("warning_needs_response", "needs_response"), {"dispute_status": "open"}
    ),
    "inquiry then another chargeback": Scenario(
        lambda _: [*_disputes("warning_closed"), *_disputes("needs_response", "under_review", dispute_id="du_b")],
        {"dispute_status": "review"},
    ),
    "two disputes, one open": Scenario(
        lambda _: [*_disputes("lost"), *_disputes("needs_response", dispute_id="du_b")], {"dispute_status": "open"}
    ),
    "two disputes, one lost": Scenario(
        lambda _: [*_disputes("needs_response", "lost"), *_disputes("won", dispute_id="du_b")],
        {"dispute_status": "lost"},
    ),
    "appeal open": Scenario(lambda _: _disputes("lost", "appeal_needs_response"), {"dispute_status": "open"}),
    "appeal won": Scenario(
        lambda _: _disputes("lost", "appeal_needs_response", "appeal_under_review", "won"), {"dispute_status": "won"}
    ),
    # Events alone cannot tell the second "lost" from the first one: see `payment.facts.STATES`.
    "appeal lost": Scenario(
        lambda _: _disputes("lost", "appeal_needs_response", "appeal_under_review", "lost"),
        {"dispute_status": "review"},
    ),
}

WARNINGS: Mapping[str, Scenario] = {
    "fraud warning": Scenario(
        lambda _: [stripe.fraud_warning("created", actionable=True)], {"status_reason": "early_fraud_warning"}
    ),
    "fraud warning then dispute": Scenario(
        lambda _: [
            stripe.fraud_warning("created", actionable=True),
            stripe.fraud_warning("updated", actionable=False),
            stripe.dispute("created", "needs_response"),
        ],
        {"dispute_status": "open"},
    ),
    "fraud warning then full refund": Scenario(
        lambda _: [stripe.fraud_warning("created", actionable=True), *_refunds("pending", "succeeded", amount=4999)],
        {"amount_refunded": 4999},
    ),
    "fraud warning then partial refund": Scenario(
        lambda _: [stripe.fraud_warning("created", actionable=True), *_refunds("succeeded")],
        {"status_reason": "early_fraud_warning", "amount_refunded": 700},
    ),
}

MONEY_SCENARIOS: Mapping[str, Scenario] = {**REFUNDS, **LISTS}

INTENT_SCENARIOS: Mapping[str, Scenario] = {**REFUNDS_OF_THE_INTENT, **DISPUTES, **WARNINGS}
"""Scenarios of a completed payment: these events name only its PaymentIntent."""
