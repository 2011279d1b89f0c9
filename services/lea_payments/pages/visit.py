"""What the address of a success page says of a visit, and the addresses a page leads to; pure."""

import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from lea_payments.pages.views import View

SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")
OFF = "off"


class Visit(NamedTuple):
    """What the address says of a visit; a customer who comes back by a refresh brings the time of the first look."""

    session_id: str | None
    since: int
    waited: int
    updates: bool

    @classmethod
    def of(cls, query: QueryParams, now: int) -> "Visit":
        """Reads the address; a start that is no time or lies ahead is now, so that nobody waits for ever."""
        ids = query.getlist("session_id")
        session_id = ids[0] if len(ids) == 1 and SESSION_ID.fullmatch(ids[0]) else None
        said = query.get("since", "")
        since = min(int(said), now) if re.fullmatch("[0-9]{1,12}", said) else now
        return cls(session_id, since, now - since, updates=query.get("updates") != OFF)

    def address(self, *, updates: bool, afresh: bool) -> str:
        """The same page again, relative, so that it holds behind any prefix."""
        query = {"session_id": self.session_id or ""}
        if not afresh:
            query["since"] = str(self.since)
        if not updates:
            query["updates"] = OFF
        return "?" + urlencode(query)


class Links(NamedTuple):
    """Where a page that may change leads: `again` to itself, `stop` to itself without refreshing."""

    again: str
    stop: str | None


def links_for(view: View, visit: Visit | None) -> Links | None:
    """Links for a page that may still change; a page that failed starts waiting afresh."""
    afresh = view.http_status != HTTPStatus.OK
    if visit is None or visit.session_id is None or (view.again is None and not afresh):
        return None
    updates = visit.updates and view.again is not None
    again = visit.address(updates=visit.updates, afresh=afresh)
    return Links(again, visit.address(updates=False, afresh=afresh) if updates else None)
