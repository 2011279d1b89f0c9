"""Decides when a page refreshes: soon at first, then less often, and not all pages at the same time."""

import zlib
from datetime import UTC, datetime

from lea_payments.pages import views
from lea_payments.pages.views import View, WaitsSince
from lea_payments.pages.visit import Visit
from lea_payments.payment.record import Payment

SPREAD_PERCENT = 20
"""How much later than planned a page refreshes at most, so that an outage does not end with all pages at once."""


def refresh_seconds(view: View, visit: Visit, payment: Payment | None) -> int:
    """The time until the page refreshes. It is longer the longer the page has waited."""
    waited = _waited_seconds(view, visit, payment)
    seconds = view.refreshes[-1]
    for step in view.refreshes:
        if waited < step:
            seconds = step
            break
        waited -= step
    # The same for each refresh of a page, so that the times of a page only grow.
    percent = zlib.crc32((visit.session_id or "").encode()) % (SPREAD_PERCENT + 1)
    return seconds + seconds * percent // 100


def _waited_seconds(view: View, visit: Visit, payment: Payment | None) -> float:
    if view.waits_since is WaitsSince.OUTAGE:
        return visit.outage_seconds
    if view.waits_since is WaitsSince.FIRST_VISIT:
        return visit.waited_seconds - (views.CONFIRM_SECONDS if view is views.OVERDUE else 0)
    return _age_seconds(payment, visit.now)


def _age_seconds(payment: Payment | None, now: int) -> float:
    """The time since the last event of the payment; endless if it is not known."""
    try:
        at = datetime.fromisoformat((payment and payment.webhook_processed_at) or "")
        return max(0.0, now - (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return float("inf")
