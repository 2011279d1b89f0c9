"""Reads the URL of a success page, and builds the URLs that the page links to."""

import re
from http import HTTPStatus
from typing import NamedTuple, Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from lea_payments.pages.views import View

SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")
_SINCE = re.compile("[0-9]{1,12}")
_OFF = "off"


class Visit(NamedTuple):
    """One visit to the success page. `since` is when the customer opened it first, in seconds since 1970."""

    session_id: str | None
    since: int
    waited_seconds: int
    updates: bool

    @classmethod
    def from_query(cls, query: QueryParams, now: int) -> Self:
        """Reads the query. `since` comes from the browser: a time that is invalid or in the future counts as now."""
        ids = query.getlist("session_id")
        session_id = ids[0] if len(ids) == 1 and SESSION_ID.fullmatch(ids[0]) else None
        start = query.get("since", "")
        since = min(int(start), now) if _SINCE.fullmatch(start) else now
        return cls(session_id, since, now - since, updates=query.get("updates") != _OFF)

    def url(self, *, updates: bool, restart_wait: bool) -> str:
        """The URL of the same page. It is relative, so that it works behind any path prefix."""
        query = {"session_id": self.session_id or ""}
        if not restart_wait:
            query["since"] = str(self.since)
        if not updates:
            query["updates"] = _OFF
        return "?" + urlencode(query)


class Links(NamedTuple):
    """The links of a page that can change: `reload` shows it again, `stop` shows it without automatic updates."""

    reload: str
    stop: str | None


def links_for(view: View, visit: Visit | None) -> Links | None:
    """The links of a page, or None if the page cannot change. After an error page the wait starts again."""
    failed = view.http_status != HTTPStatus.OK
    if visit is None or visit.session_id is None or (view.refresh_seconds is None and not failed):
        return None
    reload = visit.url(updates=visit.updates, restart_wait=failed)
    if not visit.updates or view.refresh_seconds is None:
        return Links(reload, None)
    return Links(reload, visit.url(updates=False, restart_wait=failed))
