"""Selects the page for a payment: its template, its HTTP status and when it refreshes."""

from collections.abc import Mapping
from typing import NamedTuple

from lea_payments.payment.record import Payment
from lea_payments.payment.situations import Situation
from lea_payments.payment.status import status_of

CONFIRM_SECONDS = 60
"""How long a page shows "confirming": Stripe's event and the table's index can arrive after the customer."""

FREQUENT_PERIOD_SECONDS = 900
"""How long an open page refreshes frequently. After that it refreshes rarely."""

RARE_REFRESH_SECONDS = 300


class View(NamedTuple):
    """One page. `status` is its label in telemetry; `refresh_seconds` is None for a page that does not change."""

    template: str
    status: str
    http_status: int = 200
    refresh_seconds: int | None = None
    amount_in_doubt: bool = False


COMPLETED = View("completed", "completed")
CONFIRMING = View("confirming", "confirming", refresh_seconds=5)
OVERDUE = View("overdue", "processing", refresh_seconds=30)
AWAITING_FUNDS = View("awaiting_funds", "processing", refresh_seconds=RARE_REFRESH_SECONDS)
IN_REVIEW = View("in_review", "processing", refresh_seconds=RARE_REFRESH_SECONDS, amount_in_doubt=True)
IN_REVIEW_UNPAID = IN_REVIEW._replace(template="in_review_unpaid")
"""Without a PaymentIntent there was no money, for example because a promotion code made the session free."""

DECLINED = View("declined", "failed", refresh_seconds=10)
FAILED = View("failed", "failed")
EXPIRED = View("expired", "expired")
UNKNOWN = View("unknown", "not_found", 404)
UNAVAILABLE = View("unavailable", "unavailable", 503, refresh_seconds=10)
INTERNAL_ERROR = View("unavailable", "unavailable", 500)
CANCELLED = View("cancelled", "shown")
NOT_FOUND = View("not_found", "not_found", 404)
ALL = (
    *(COMPLETED, CONFIRMING, OVERDUE, AWAITING_FUNDS, IN_REVIEW, IN_REVIEW_UNPAID, DECLINED),
    *(FAILED, EXPIRED, UNKNOWN, UNAVAILABLE, INTERNAL_ERROR, CANCELLED, NOT_FOUND),
)

BY_SITUATION: Mapping[Situation, View] = {
    Situation.PAID_TWICE: COMPLETED,
    Situation.PAID: COMPLETED,
    Situation.MISMATCH: IN_REVIEW,
    Situation.AWAITING_FUNDS: AWAITING_FUNDS,
    Situation.ASYNC_FAILED: FAILED,
    Situation.EXPIRED: EXPIRED,
    Situation.DECLINED: DECLINED,
    Situation.PENDING: CONFIRMING,
}


def view_of(payment: Payment | None, waited_seconds: int) -> View:
    """The page for a payment, or for a session without a payment. `waited_seconds` counts from the first visit."""
    if payment is None:
        return CONFIRMING if waited_seconds < CONFIRM_SECONDS else UNKNOWN
    view = BY_SITUATION[status_of(payment).situation]
    if view is IN_REVIEW and payment.stripe_payment_intent is None:
        view = IN_REVIEW_UNPAID
    if view is CONFIRMING and waited_seconds >= CONFIRM_SECONDS:
        view = OVERDUE
    if view.refresh_seconds is not None and waited_seconds >= FREQUENT_PERIOD_SECONDS:
        return view._replace(refresh_seconds=RARE_REFRESH_SECONDS)
    return view
