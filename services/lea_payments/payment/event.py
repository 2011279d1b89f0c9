"""Defines payment events: the fact that each one reports and the outcome of applying it."""

from enum import StrEnum

import msgspec

from lea_payments.payment.record import Dispute


class Fact(StrEnum):
    """What an event reports about a payment."""

    DECLINED = "declined"
    SESSION_EXPIRED = "session_expired"
    AWAITING_FUNDS = "awaiting_funds"
    ASYNC_FAILED = "async_failed"
    PAID = "paid"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"


class Outcome(StrEnum):
    """The result of processing a verified event. All are answered 200: sending the event again changes nothing."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    REVIEW = "review"
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    WRONG_MODE = "wrong_mode"


CHANGES = (Outcome.APPLIED, Outcome.REVIEW)
"""The outcomes of events that add something new to a payment."""


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event about one payment, free of Stripe's terms. Times are in seconds since 1970, amounts in minor units."""

    id: str
    type: str
    created: int
    fact: Fact
    payment_id: str | None = None
    session_id: str | None = None
    session_created: int | None = None
    stripe_payment_intent: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason: str | None = None
    amount_refunded: int = 0
    dispute: Dispute = Dispute.NONE
    traceparent: str | None = None
