"""Decides when a page refreshes: soon at first, then less often, and not all pages at the same time."""

import zlib
from collections.abc import Sequence

from lea_payments.pages import views
from lea_payments.pages.views import View, WaitsSince
from lea_payments.pages.visit import Visit

SPREAD_PERCENT = 20
"""How much later than planned a page refreshes at most, so that an outage does not end with all pages at once."""


def refresh_steps(view: View, visit: Visit) -> Sequence[int]:
    """The times between two refreshes of a page, in seconds: a script that counts the refreshes itself uses them."""
    # The same for each refresh of a page, so that the times of a page only grow.
    percent = zlib.crc32((visit.session_id or "").encode()) % (SPREAD_PERCENT + 1)
    return [step + step * percent // 100 for step in view.refreshes]


def refresh_seconds(view: View, visit: Visit) -> int:
    """The time until the page refreshes by its URL alone. It is longer the longer the page has waited."""
    waited, steps = _waited_seconds(view, visit), refresh_steps(view, visit)
    for step, seconds in zip(view.refreshes, steps, strict=True):
        if waited < step:
            return seconds
        waited -= step
    return steps[-1]


def _waited_seconds(view: View, visit: Visit) -> int:
    if view.waits_since is WaitsSince.OUTAGE:
        return visit.outage_seconds
    return visit.waited_seconds - (views.CONFIRM_SECONDS if view is views.OVERDUE else 0)
