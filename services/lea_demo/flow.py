"""Follows one payment from its link to its end, and checks that it ends as its attempts require."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple, TypeVar

from lea_demo.client import CallError, Client, PaymentJson
from lea_payments.commands.console.terminal import Terminal
from lea_payments.telemetry.metrics import REVIEW_REASONS

POLL_SECONDS, PAGE_SECONDS = 0.25, 5.0
FINAL = ("completed", "expired", "async_payment_failed", *REVIEW_REASONS)
"""Statuses and reasons after which no event changes the status."""

Check = Mapping[str, Any]
ResultT = TypeVar("ResultT")


class ExpectedResult(NamedTuple):
    """How the payment must end: its status, the events of which one decides it, the success page's heading."""

    status: str
    events: Sequence[str]
    heading: str


PAID = ExpectedResult("completed", ["checkout.session.completed"], "Payment received")
PAID_LATER = PAID._replace(events=["checkout.session.async_payment_succeeded"])
PAID_BY_A_PERSON = PAID._replace(events=[*PAID.events, *PAID_LATER.events])
DECLINED = ExpectedResult("failed ({})", ["payment_intent.payment_failed"], "Payment not completed")
FAILED = ExpectedResult("failed (async_payment_failed)", ["checkout.session.async_payment_failed"], DECLINED.heading)


def expected_result(declines: Sequence[str], delayed: str | None) -> ExpectedResult:
    """How a payment must end. `declines` has the codes of each card's decline, empty if the card was accepted."""
    if delayed:
        return PAID_LATER if delayed == "succeeded" else FAILED
    if not declines:
        return PAID_BY_A_PERSON
    # Declines have no order, so the record keeps the greatest code of several.
    return DECLINED._replace(status=DECLINED.status.format(max(declines))) if declines[-1] else PAID


def status_of(payment: PaymentJson) -> str:
    """The status of a payment with its reason, for people."""
    reason = payment["status_reason"]
    return f"{payment['payment_status']} ({reason})" if reason else str(payment["payment_status"])


def has_ended(payment: PaymentJson, expected: ExpectedResult) -> bool:
    """Whether the payment is as expected, or cannot become so."""
    is_final = payment["payment_status"] in FINAL or payment["status_reason"] in FINAL
    return is_final or status_of(payment) == expected.status


def check(name: str, *, ok: bool, remedy: str) -> Check:
    """One thing that must be true. `remedy` says what to do if it is not."""
    return {"name": name, "ok": ok, "remedy": None if ok else remedy}


def compare(payment: PaymentJson, expected: ExpectedResult, heading: str) -> Sequence[Check]:
    """The checks at the end: of the events, the status and the success page."""
    applied = {entry["event_type"] for entry in payment["history"] if entry["outcome"] == "applied"}
    status, events = status_of(payment), " or ".join(expected.events)
    event_remedy = "pay at the link; with a Stripe sandbox, run `stripe listen`; read the webhook's log"
    status_remedy = f"it is {status}: `lea-payments show {payment['payment_intent_id']}` lists its events"
    page_remedy = f"it says “{heading}”: read the pages' log"
    return [
        check(f"{events} was applied", ok=not applied.isdisjoint(expected.events), remedy=event_remedy),
        check(f"the payment is {expected.status}", ok=status == expected.status, remedy=status_remedy),
        check(f"the success page says “{expected.heading}”", ok=heading == expected.heading, remedy=page_remedy),
    ]


@dataclass
class Flow:
    """One payment to follow. Without cards and a delayed result, a person pays."""

    client: Client
    console: Terminal
    amount: int
    currency: str
    cards: Sequence[str]
    delayed: str | None
    timeout: float
    payment_id: str = field(default_factory=lambda: f"payment_flow_{token_hex(4)}")
    report: dict[str, Any] = field(default_factory=lambda: {"link": None, "payment": None, "success_page": None})

    def run(self) -> Mapping[str, Any]:
        """Follows the payment until its end or a failed call. Prints what happens, and returns the report."""
        try:
            checks = self._follow()
        except CallError as error:
            checks = [check("all calls succeed", ok=False, remedy=str(error))]
        for item in checks:
            self.console.print(f"✓ {item['name']}" if item["ok"] else f"✗ {item['name']}")
            if not item["ok"]:
                self.console.print(f"  → {item['remedy']}")
        ok = all(item["ok"] for item in checks)
        self.console.print("All checks passed." if ok else "Not all checks passed.")
        return {"ok": ok, "payment_intent_id": self.payment_id, **self.report, "checks": checks}

    def _follow(self) -> Sequence[Check]:
        link = self.report["link"] = self.client.create(self.payment_id, self.amount, self.currency)
        self.console.print(f"link {link}")
        expected = expected_result(self._pay(link), self.delayed)
        if expected is PAID_BY_A_PERSON:
            self.console.print(f"open the link and pay within {self.timeout:.0f} s; Ctrl-C stops the check")
        payment = _poll(self._read_payment, lambda read: has_ended(read, expected), self.timeout)
        # The page can be behind the record for a moment: it asks an index of the table first.
        read_heading, session_id = self.client.success_heading, payment["stripe_session_id"]
        heading = _poll(lambda: read_heading(session_id), lambda read: read == expected.heading, PAGE_SECONDS)
        self.report["success_page"] = heading
        return compare(payment, expected, heading)

    def _pay(self, link: str) -> Sequence[str]:
        """Pays at the emulator, unless a person pays. Returns the codes of each card's decline."""
        declines = []
        for card in self.cards:
            declines.append(self.client.pay(link, {"card": card}))
            self.console.print(f"card …{card[-4:]} {declines[-1] or 'accepted'}")
        if self.delayed:
            self.client.pay(link, {"method": "delayed", "outcome": self.delayed, "after_seconds": "2"})
        return declines

    def _read_payment(self) -> PaymentJson:
        payment = self.client.payment(self.payment_id)
        if payment != self.report["payment"]:
            self.console.print(f"status {status_of(payment)}")
        self.report["payment"] = payment
        return payment


def _poll(read: Callable[[], ResultT], is_expected: Callable[[ResultT], bool], seconds: float) -> ResultT:
    """The first expected value, or the last one that was read within the time."""
    deadline = time.monotonic() + seconds
    while not is_expected(value := read()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return value
