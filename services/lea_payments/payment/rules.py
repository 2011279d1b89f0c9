"""The rules of a payment's status: the rank of each fact and the fields each decision reads.

Stripe delivers events late, more than once and in any order, so a status is a function of the facts, not of their
order: each fact has a rank, and only a higher rank changes the record. Any order of the same events, with any number
of copies, gives the same record.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lea_payments.payment.event import Fact
from lea_payments.payment.record import PENDING_RANK, Payment, Status


class Rule(NamedTuple):
    """A row of the table of ranks.

    `bound` facts count only for the record's current session; after `returned` ones the customer is back with that
    session's id, so the record must carry it.
    """

    rank: int
    status: Status
    reason: str | None
    source: str
    may_pay: str
    bound: bool = False
    returned: bool = False


RULES: Mapping[Fact, Rule] = {
    Fact.DECLINED: Rule(
        10, Status.FAILED, None, "payment_intent.payment_failed", "yes: Checkout lets them try another card"
    ),
    Fact.SESSION_EXPIRED: Rule(20, Status.EXPIRED, None, "checkout.session.expired", "no", bound=True),
    Fact.AWAITING_FUNDS: Rule(
        30,
        Status.PENDING,
        "awaiting_funds",
        "checkout.session.completed, unpaid",
        "waiting",
        bound=True,
        returned=True,
    ),
    Fact.ASYNC_FAILED: Rule(
        40,
        Status.FAILED,
        "async_payment_failed",
        "checkout.session.async_payment_failed",
        "no",
        bound=True,
        returned=True,
    ),
    Fact.PAID: Rule(
        50,
        Status.COMPLETED,
        None,
        "checkout.session.completed, paid or no_payment_required; checkout.session.async_payment_succeeded",
        "done",
    ),
}
REVIEW_RULE = Rule(45, Status.PENDING, None, "paid, but not what we asked for", "a person looks")
PAID_TWICE = "paid_twice"
REFUND_FAILED = "refund_failed"

_OF_ITS_SESSION = ("payment_status", "status_rank", "status_reason", "stripe_session_id", "checkout_former_session")
READS: Mapping[Fact, tuple[str, ...]] = {
    Fact.DECLINED: ("payment_status", "status_rank", "status_reason"),
    Fact.SESSION_EXPIRED: _OF_ITS_SESSION,
    Fact.AWAITING_FUNDS: _OF_ITS_SESSION,
    Fact.ASYNC_FAILED: _OF_ITS_SESSION,
    Fact.PAID: (
        "payment_status",
        "status_rank",
        "status_reason",
        "stripe_payment_intent",
        "amount",
        "currency",
    ),
    Fact.REFUNDED: ("amount_refunded",),
    Fact.REFUND_FAILED: (),
    Fact.DISPUTED: ("dispute_status",),
}
"""The fields that `change_for` looks at for a fact; a write holds only while they are as they were read."""

RANK_OF_BARE_STATUS: Mapping[Status, int] = {
    Status.PENDING: PENDING_RANK,
    Status.FAILED: RULES[Fact.DECLINED].rank,
    Status.EXPIRED: RULES[Fact.SESSION_EXPIRED].rank,
    Status.COMPLETED: RULES[Fact.PAID].rank,
}
"""The rank of a record that its caller put by hand, with a status and no rank."""

_STATUS_OF_RANK = {
    PENDING_RANK: Status.PENDING,
    REVIEW_RULE.rank: REVIEW_RULE.status,
    **{rule.rank: rule.status for rule in RULES.values()},
}


def rank_of(payment: Payment) -> int:
    """The record's rank; if the status was changed by hand since, the rank of that status."""
    if _STATUS_OF_RANK.get(payment.status_rank) is payment.payment_status:
        return payment.status_rank
    return RANK_OF_BARE_STATUS[payment.payment_status]
