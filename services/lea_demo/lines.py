"""What the parts write, as one line for each thing that happens, for a person to read along; reads no stream itself."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from rich.text import Text

PART_WIDTH, PAYMENT_WIDTH = 8, 22
STYLES = {"warning": "yellow", "error": "red", "critical": "red"}
GOOD, BAD, QUIET = "green", "red", "dim"
ENVELOPE = ("level", "timestamp", "trace_id", "event", "payment", "exception", "stack")


class Line(NamedTuple):
    """One thing that happened. `more` is shown below it."""

    at: str
    part: str
    what: str
    payment: str = ""
    style: str = ""
    more: str = ""

    def text(self) -> Text:
        """The line for a terminal."""
        shown = Text(f"{self.at}  ", style=QUIET)
        shown.append(f"{self.part:<{PART_WIDTH}}  ", style="cyan")
        shown.append(f"{self.payment:<{PAYMENT_WIDTH}}  ")
        shown.append(self.what, style=self.style)
        for below in self.more.splitlines():
            shown.append(f"\n{'':10}{below}", style=self.style)
        return shown


class Reader:
    """Turns what a part writes into lines; remembers which payment a Checkout Session belongs to."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._now = now
        self._payment_of: dict[str, str] = {}

    def read(self, part: str, written: str) -> Line | None:
        """The line for a person, or None for what is no news."""
        try:
            said = msgspec.json.decode(written, type=dict[str, Any])
        except msgspec.DecodeError:
            return self._plain(part, written)
        return self._structured(part, said)

    def _structured(self, part: str, said: Mapping[str, Any]) -> Line | None:
        event, payment = str(said.get("event", "")), str(said.get("payment", ""))
        if _is_no_news(said):
            return None
        if "session" in said and payment:
            self._payment_of[str(said["session"])] = payment
        what, style = _SENTENCES.get(event, _any_other)(said)
        style = STYLES.get(str(said.get("level")), style)
        return Line(self._clock(said.get("timestamp")), part, what, payment, style, str(said.get("exception", "")))

    def _plain(self, part: str, written: str) -> Line | None:
        level, _, rest = written.partition(":")
        call = _CALL.search(rest)
        if call is not None:
            return self._call(part, call["method"], call["path"], int(call["status"]))
        if level in ("INFO", "DEBUG") or not written.strip():
            return None
        return Line(self._clock(None), part, written.rstrip(), style=STYLES.get(level.lower(), "yellow"))

    def _call(self, part: str, method: str, path: str, status: int) -> Line | None:
        """What a call to the emulator means for the customer; calls of ours are told by the part that made them."""
        at = self._clock(None)
        page = _PAY_PAGE.match(path)
        if page is not None and (method, status) in _AT_THE_PAY_PAGE:
            what, style = _AT_THE_PAY_PAGE[method, status]
            return Line(at, part, what, self._payment_of.get(page["session"], ""), style)
        if method == "GET" or path == "/v1/checkout/sessions":
            return None
        return Line(at, part, f"{method} {path} → {status}", style="" if status < 400 else "yellow")  # noqa: PLR2004

    def _clock(self, timestamp: object) -> str:
        moment = datetime.fromisoformat(timestamp).astimezone() if isinstance(timestamp, str) else self._now()
        return moment.strftime("%H:%M:%S")


def _is_no_news(said: Mapping[str, Any]) -> bool:
    """Starts, what libraries say of themselves, and events that we do not use."""
    library = "logger" in said and said.get("level") in ("info", "debug")
    return library or said.get("event") == "listening" or said.get("outcome") == "ignored"


def _delivery(said: Mapping[str, Any]) -> tuple[str, str]:
    outcome, reason = said.get("outcome"), said.get("reason")
    told = outcome == "applied" or not reason  # the line before told of the status and its reason
    what = f"{said.get('event_type', 'a delivery')} → {outcome}" + ("" if told else f" ({reason})")
    return what, QUIET if outcome in ("duplicate", "stale") else ""


def _final(said: Mapping[str, Any]) -> tuple[str, str]:
    event, reason = said["event"], said.get("reason")
    return f"{event}" + (f" ({reason})" if reason else ""), GOOD if event.endswith("completed") else BAD


def _link(said: Mapping[str, Any]) -> tuple[str, str]:
    return "pay link handed out again" if said.get("reused") else "pay link made", ""


def _page(said: Mapping[str, Any]) -> tuple[str, str]:
    return f"the customer sees the {said.get('page')} page: {said.get('status')}", ""


def _any_other(said: Mapping[str, Any]) -> tuple[str, str]:
    details = (f"{name}={value}" for name, value in said.items() if name not in ENVELOPE and value is not None)
    return " ".join([str(said.get("event", "")), *details]), ""


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "webhook": _delivery,
    "payment completed": _final,
    "payment failed": _final,
    "payment expired": _final,
    "checkout session opened": _link,
    "page shown": _page,
}
_CALL = re.compile(r'"(?P<method>[A-Z]+) (?P<path>[^ ?"]*)[^"]*" (?P<status>\d{3})')
_PAY_PAGE = re.compile(r"/(?:c/pay|_pay)/(?P<session>cs_[A-Za-z0-9_]+)")
_AT_THE_PAY_PAGE: Mapping[tuple[str, int], tuple[str, str]] = {
    ("GET", 200): ("the customer opens the pay page", ""),
    ("POST", 200): ("the customer is done and goes to the success page", ""),
    ("POST", 303): ("the customer is done and goes to the success page", ""),
    ("POST", 402): ("the payment is declined", ""),
}
