"""Which page a payment gets, as a table: its template, its HTTP status and when it looks again; pure."""

from collections.abc import Mapping
from typing import NamedTuple

from lea_payments.payment.event import Fact
from lea_payments.payment.record import PENDING_RANK, Payment
from lea_payments.payment.rules import REVIEW_RULE, RULES, rank_of

CONFIRM_SECONDS = 60
"""How long a customer is told "confirming": Stripe's event or the index may be a moment behind the browser."""

EAGER_SECONDS = 900
SELDOM = 300
"""After a quarter of an hour no page looks again more often than this, in seconds."""


class View(NamedTuple):
    """One page. `status` is its label in telemetry; `again` is in seconds, None for what does not change any more."""

    template: str
    status: str
    http_status: int = 200
    again: int | None = None
    amount_in_doubt: bool = False


COMPLETED = View("completed", "completed")
CONFIRMING = View("confirming", "confirming", again=5)
OVERDUE = View("overdue", "processing", again=30)
AWAITING_FUNDS = View("awaiting_funds", "processing", again=SELDOM)
IN_REVIEW = View("in_review", "processing", again=SELDOM, amount_in_doubt=True)
DECLINED = View("declined", "failed", again=10)
FAILED = View("failed", "failed")
EXPIRED = View("expired", "expired")
UNKNOWN = View("unknown", "not_found", 404)
UNAVAILABLE = View("unavailable", "unavailable", 503, again=10)
BROKEN = View("unavailable", "unavailable", 500)
CANCELLED = View("cancelled", "shown")
NO_SUCH_PAGE = View("no_such_page", "not_found", 404)
ALL = (
    *(COMPLETED, CONFIRMING, OVERDUE, AWAITING_FUNDS, IN_REVIEW, DECLINED, FAILED, EXPIRED),
    *(UNKNOWN, UNAVAILABLE, BROKEN, CANCELLED, NO_SUCH_PAGE),
)

BY_RANK: Mapping[int, View] = {
    PENDING_RANK: CONFIRMING,
    RULES[Fact.DECLINED].rank: DECLINED,
    RULES[Fact.SESSION_EXPIRED].rank: EXPIRED,
    RULES[Fact.AWAITING_FUNDS].rank: AWAITING_FUNDS,
    RULES[Fact.ASYNC_FAILED].rank: FAILED,
    REVIEW_RULE.rank: IN_REVIEW,
    RULES[Fact.PAID].rank: COMPLETED,
}


def view_of(payment: Payment | None, waited: int) -> View:
    """The page for a payment as it stands, or for none, to a customer who has waited for so many seconds."""
    if payment is None:
        return CONFIRMING if waited < CONFIRM_SECONDS else UNKNOWN
    view = BY_RANK[rank_of(payment)]
    if view is CONFIRMING and waited >= CONFIRM_SECONDS:
        view = OVERDUE
    if view.again is not None and waited >= EAGER_SECONDS:
        return view._replace(again=SELDOM)
    return view
