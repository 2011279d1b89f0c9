"""Reads the URL of a success or cancel page, and builds the URLs that the page links to."""

import re
from http import HTTPStatus
from typing import NamedTuple, Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from lea_payments.pages.views import View, WaitsSince

SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")
_TIME = re.compile("[0-9]{1,12}")
_OFF = "off"


class Visit(NamedTuple):
    """One visit to the page of a payment. Times are in seconds since 1970.

    `since` is when the customer opened the page first, and `outage` when it could not be shown first. Both are None
    if the URL does not have them.
    """

    session_id: str | None
    now: int
    since: int | None = None
    outage: int | None = None
    updates: bool = True

    @classmethod
    def from_query(cls, query: QueryParams, now: int) -> Self:
        """Reads the query. Times come from the browser: one that is invalid or in the future counts as now."""
        ids = query.getlist("session_id")
        session_id = ids[0] if len(ids) == 1 and SESSION_ID.fullmatch(ids[0]) else None
        since, outage = (_time(query.get(name), now) for name in (WaitsSince.FIRST_VISIT, WaitsSince.OUTAGE))
        return cls(session_id, now, since, outage, updates=query.get("updates") != _OFF)

    @property
    def waited_seconds(self) -> int:
        """How long the customer has waited since the first visit."""
        return self.now - (self.now if self.since is None else self.since)

    @property
    def outage_seconds(self) -> int:
        """How long the page could not be shown."""
        return self.now - (self.now if self.outage is None else self.outage)

    def url(self) -> str:
        """The URL of this visit. It is relative, so that it works behind any path prefix."""
        times = {WaitsSince.FIRST_VISIT.value: self.since, WaitsSince.OUTAGE.value: self.outage}
        query = {name: str(time) for name, time in times.items() if time is not None}
        if not self.updates:
            query["updates"] = _OFF
        return "?" + urlencode({"session_id": self.session_id or "", **query})

    def next(self, view: View) -> Self:
        """The visit after this page. After an error page the wait starts again."""
        if view.http_status != HTTPStatus.OK:
            is_outage = view.waits_since is WaitsSince.OUTAGE
            return self._replace(since=None, outage=self.now - self.outage_seconds if is_outage else None)
        starts_wait = view.waits_since is WaitsSince.FIRST_VISIT
        return self._replace(since=self.now - self.waited_seconds if starts_wait else self.since, outage=None)


class Links(NamedTuple):
    """The links of a page that can change: `reload` shows it again, `stop` shows it without automatic updates."""

    reload: str
    stop: str | None


def links_for(view: View, visit: Visit | None) -> Links | None:
    """The links of a page, or None if the page cannot change."""
    if visit is None or visit.session_id is None or not (view.refreshes or view.http_status != HTTPStatus.OK):
        return None
    after = visit.next(view)
    return Links(after.url(), after._replace(updates=False).url() if visit.updates and view.refreshes else None)


def canonical_url(view: View, visit: Visit) -> str | None:
    """The URL to redirect to before the page is shown, or None if the visit has it already.

    A redirect adds nothing to a browser's history, and neither does a refresh to the URL that a page has: so the page
    must have the time of the visit in its URL before it refreshes. Errors are answered at once.
    """
    if view.http_status != HTTPStatus.OK or not view.refreshes:
        return None
    after = visit.next(view)
    return None if after == visit else after.url()


def _time(text: str | None, now: int) -> int | None:
    if text is None:
        return None
    return min(int(text), now) if _TIME.fullmatch(text) else now
