"""Selects the page for a payment: its template, its HTTP status and how often it refreshes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from lea_payments.payment import facts
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.payment.refunds import refunds_of_intent, refunds_of_others
from lea_payments.payment.situations import CanPay, Situation
from lea_payments.payment.status import is_current_session, status_of

CONFIRM_SECONDS = 60
"""How long a page shows "confirming": Stripe's event and the table's index can arrive after the customer."""

BACKOFF_SECONDS = (10, 30, 60, 120, 300)
"""The times between two refreshes of a page. The last one repeats."""

RARELY = BACKOFF_SECONDS[-1:]
"""A page that only a person, or another payment, can change."""


class WaitsSince(StrEnum):
    """The moment from which a page counts the time that it has waited, as the URL names it."""

    FIRST_VISIT = "since"
    OUTAGE = "outage"
    NOTHING = ""


class View(NamedTuple):
    """One page. `status` is its label in telemetry; `refreshes` is empty for a page that does not change."""

    template: str
    status: str
    http_status: int = 200
    refreshes: Sequence[int] = ()
    waits_since: WaitsSince = WaitsSince.NOTHING
    amount_in_doubt: bool = False


COMPLETED = View("completed", "completed")
COMPLETED_FREE = View("completed_free", "completed")
"""There was nothing to pay, for example because of a promotion code."""

REFUNDED = View("refunded", "completed")
REFUND_ON_ITS_WAY = View("refund_on_its_way", "completed")
REFUND_NEEDS_DETAILS = View("refund_needs_details", "completed")
REFUND_FAILED = View("refund_failed", "completed")

_CHANGES_SOON = View("", "", refreshes=BACKOFF_SECONDS, waits_since=WaitsSince.FIRST_VISIT)
CONFIRMING = View("confirming", "confirming", refreshes=(5,), waits_since=WaitsSince.FIRST_VISIT)
OVERDUE = _CHANGES_SOON._replace(template="overdue", status="processing")
AWAITING_FUNDS = _CHANGES_SOON._replace(template="awaiting_funds", status="processing")
IN_REVIEW = View("in_review", "processing", refreshes=RARELY, amount_in_doubt=True)
IN_REVIEW_UNPAID = IN_REVIEW._replace(template="in_review_unpaid")
"""No money has arrived, for example because a promotion code made the session free."""

REFUNDED_IN_REVIEW = IN_REVIEW._replace(template="refunded")
"""The money was not as requested, and all of it has been refunded."""

DECLINED = _CHANGES_SOON._replace(template="declined", status="failed")
FAILED = View("failed", "failed")
EXPIRED = View("expired", "expired")
CANCELED = View("canceled", "expired")
FAILED_REPLACED = View("failed_replaced", "failed", refreshes=RARELY)
EXPIRED_REPLACED = View("expired_replaced", "expired", refreshes=RARELY)
"""The customer opened a former session, and there is a newer link."""

UNKNOWN = View("unknown", "not_found", 404)
UNAVAILABLE = View("unavailable", "unavailable", 503, BACKOFF_SECONDS, WaitsSince.OUTAGE)
INTERNAL_ERROR = View("unavailable", "unavailable", 500)
LEFT = _CHANGES_SOON._replace(template="left", status="shown")
LEFT_UNKNOWN = View("left_unknown", "shown")
"""The customer left the pay page, and it is not known of which payment."""

NOT_FOUND = View("not_found", "not_found", 404)
ALL = (
    *(COMPLETED, COMPLETED_FREE, REFUNDED, REFUND_ON_ITS_WAY, REFUND_NEEDS_DETAILS, REFUND_FAILED),
    *(CONFIRMING, OVERDUE, AWAITING_FUNDS, IN_REVIEW, IN_REVIEW_UNPAID, REFUNDED_IN_REVIEW, DECLINED),
    *(FAILED, FAILED_REPLACED, EXPIRED, EXPIRED_REPLACED, CANCELED),
    *(UNKNOWN, UNAVAILABLE, INTERNAL_ERROR, LEFT, LEFT_UNKNOWN, NOT_FOUND),
)

BY_SITUATION: Mapping[Situation, View] = {
    Situation.PAID_TWICE: COMPLETED,
    Situation.PAID: COMPLETED,
    Situation.MISMATCH: IN_REVIEW,
    Situation.AWAITING_FUNDS: AWAITING_FUNDS,
    Situation.CANCELED: CANCELED,
    Situation.ASYNC_FAILED: FAILED,
    Situation.EXPIRED: EXPIRED,
    Situation.DECLINED: DECLINED,
    Situation.PENDING: CONFIRMING,
}


BY_FORMER_SESSION: Mapping[tuple[str, CanPay], View] = {
    (facts.FAILED, CanPay.WITH_NEW_LINK): FAILED,
    (facts.FAILED, CanPay.YES): FAILED_REPLACED,
    (facts.EXPIRED, CanPay.WITH_NEW_LINK): EXPIRED,
    (facts.EXPIRED, CanPay.YES): EXPIRED_REPLACED,
}
"""The page of a former session by its state and by whether its payment can still be paid.

For all other cases the payment decides: money that has arrived or is on its way counts for each of its sessions.
"""


def view_of(payment: Payment | None, session_id: str, waited_seconds: int) -> View:
    """The page for the customer who opened this session. `waited_seconds` counts from the first visit."""
    if payment is None:
        return CONFIRMING if waited_seconds < CONFIRM_SECONDS else UNKNOWN
    view = _view_of_session(payment, session_id)
    return OVERDUE if view is CONFIRMING and waited_seconds >= CONFIRM_SECONDS else view


def view_after_leaving(payment: Payment | None, session_id: str) -> View:
    """The page for the customer who left this session's pay page: the payment can be paid in another window."""
    if payment is None:
        return LEFT_UNKNOWN
    view = _view_of_session(payment, session_id)
    return LEFT if view is CONFIRMING else view


def _view_of_session(payment: Payment, session_id: str) -> View:
    derived = status_of(payment)
    session = payment.facts.get(session_id)
    if session is not None and not is_current_session(payment, session_id, session):
        former = BY_FORMER_SESSION.get((session.state, derived.can_pay))
        if former is not None:
            return former
    return _with_refunds(_without_money(BY_SITUATION[derived.situation], payment), payment)


def _without_money(view: View, payment: Payment) -> View:
    """The page, or the one that does not claim that money has arrived if there was nothing to pay."""
    paid = [fact for fact in payment.facts.values() if fact.kind == Kind.SESSION and fact.state == facts.PAID]
    if view is COMPLETED and all(fact.amount == 0 for fact in paid):
        return COMPLETED_FREE
    # Of a review in version 0.1.0 the amount is not known, but without a PaymentIntent there was no money.
    if view is IN_REVIEW and all(fact.amount == 0 or fact.intent is None for fact in paid):
        return IN_REVIEW_UNPAID
    return view


def _with_refunds(view: View, payment: Payment) -> View:
    """The page, or the one whose heading is a refund: what the customer must do comes first, then all of the money."""
    if view not in (COMPLETED, IN_REVIEW):
        return view
    own = refunds_of_intent(payment, payment.stripe_payment_intent)
    every = [own, *refunds_of_others(payment)]
    if view is IN_REVIEW:
        return REFUNDED_IN_REVIEW if own.is_full else IN_REVIEW
    if any(refunds.failed for refunds in every):
        return REFUND_FAILED
    if any(refunds.waiting for refunds in every):
        return REFUND_NEEDS_DETAILS
    if own.is_full:
        return REFUNDED
    return REFUND_ON_ITS_WAY if own.will_be_full else COMPLETED
