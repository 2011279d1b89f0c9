"""Defines the rank and status of each fact, and the fields that a decision about it reads."""

from collections.abc import Mapping
from typing import NamedTuple

from lea_payments.payment.event import Fact
from lea_payments.payment.record import PENDING_RANK, Payment, Status


class Rule(NamedTuple):
    """What a fact does to a payment's status.

    `current_session_only` facts count only if they are about the record's current session. After facts with
    `stores_session` Stripe sends the customer back with that session's id, so the record must have it.
    """

    rank: int
    status: Status
    reason: str | None
    reported_by: str
    customer_can_pay: str
    current_session_only: bool = False
    stores_session: bool = False


# Stripe delivers events late, more than once and in any order, so the status must not depend on their order.
# Each fact has a rank, and only a higher rank changes the status: the same events in any order, with any number of
# copies, give the same record.
RULES: Mapping[Fact, Rule] = {
    Fact.DECLINED: Rule(10, Status.FAILED, None, "payment_intent.payment_failed", "yes, with another card"),
    Fact.SESSION_EXPIRED: Rule(20, Status.EXPIRED, None, "checkout.session.expired", "no", current_session_only=True),
    Fact.AWAITING_FUNDS: Rule(
        30,
        Status.PENDING,
        "awaiting_funds",
        "checkout.session.completed, unpaid",
        "no: the money is on its way",
        current_session_only=True,
        stores_session=True,
    ),
    Fact.ASYNC_FAILED: Rule(
        40,
        Status.FAILED,
        "async_payment_failed",
        "checkout.session.async_payment_failed",
        "no",
        current_session_only=True,
        stores_session=True,
    ),
    # Money counts whichever session it came through, so PAID is not bound to the current session.
    Fact.PAID: Rule(
        50,
        Status.COMPLETED,
        None,
        "checkout.session.completed, paid or no_payment_required; checkout.session.async_payment_succeeded",
        "no: it is paid",
    ),
}
# Below PAID, so that the right amount still completes the payment; above all others, so that none hides the review.
REVIEW_RULE = Rule(45, Status.PENDING, None, "paid, but another amount or currency", "no: a person must look at it")
PAID_TWICE = "paid_twice"
REFUND_FAILED = "refund_failed"

_STATUS_FIELDS = ("payment_status", "status_rank", "status_reason")
_SESSION_FIELDS = ("stripe_session_id", "checkout_former_session")
READS: Mapping[Fact, tuple[str, ...]] = {
    Fact.DECLINED: _STATUS_FIELDS,
    Fact.SESSION_EXPIRED: (*_STATUS_FIELDS, *_SESSION_FIELDS),
    Fact.AWAITING_FUNDS: (*_STATUS_FIELDS, *_SESSION_FIELDS),
    Fact.ASYNC_FAILED: (*_STATUS_FIELDS, *_SESSION_FIELDS),
    Fact.PAID: (*_STATUS_FIELDS, "stripe_payment_intent", "stripe_session_id", "amount", "currency"),
    Fact.REFUNDED: ("payment_status", "amount_refunded"),
    Fact.REFUND_FAILED: ("payment_status",),
    Fact.DISPUTED: ("payment_status", "dispute_status"),
}
"""The fields, besides the history, that a decision reads. A write is conditional on each of them being unchanged.

The history's entry names the status, so every decision reads `payment_status`.
"""

DEFAULT_RANKS: Mapping[Status, int] = {
    Status.PENDING: PENDING_RANK,
    Status.FAILED: RULES[Fact.DECLINED].rank,
    Status.EXPIRED: RULES[Fact.SESSION_EXPIRED].rank,
    Status.COMPLETED: RULES[Fact.PAID].rank,
}
"""The rank of a record that was written by hand, with a status but no rank."""

_STATUS_OF_RANK = {
    PENDING_RANK: Status.PENDING,
    REVIEW_RULE.rank: REVIEW_RULE.status,
    **{rule.rank: rule.status for rule in RULES.values()},
}


def rank_of(payment: Payment) -> int:
    """The record's rank, or the default rank of its status if the status was changed by hand."""
    if _STATUS_OF_RANK.get(payment.status_rank) is payment.payment_status:
        return payment.status_rank
    return DEFAULT_RANKS[payment.payment_status]
