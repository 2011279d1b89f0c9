"""Follows one payment from its link to its end and reports what is right and what is not."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple
from urllib.parse import urljoin

from rich.console import Console
from rich.text import Text

from lea_demo import checks
from lea_demo.checks import Attempt, Check, ExpectedResult
from lea_demo.client import EXAMPLE_ORDER, CallError, Client, PaymentJson
from lea_payments.payment import money

POLL_SECONDS, PAGE_SECONDS, DELAY_SECONDS = 0.25, 5.0, 2
LABEL_WIDTH = 14


class FlowOptions(NamedTuple):
    """What to pay and how. Without cards and a delayed result, a person pays."""

    amount: int
    currency: str
    cards: Sequence[str]
    delayed: str | None
    timeout: float


@dataclass
class Report:
    """What happened to the payment."""

    payment_id: str
    link: str | None = None
    payment: PaymentJson | None = None
    success_page: str | None = None
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all checks passed."""
        return all(check.ok for check in self.checks)

    def summary(self) -> dict[str, Any]:
        """The report for programs."""
        checks = [{"name": name, "ok": ok, "remedy": None if ok else remedy} for name, ok, remedy in self.checks]
        values = {"link": self.link, "payment": self.payment, "success_page": self.success_page, "checks": checks}
        return {"ok": self.ok, "payment_intent_id": self.payment_id, **values}

    def text(self) -> Text:
        """The report for people."""
        text = Text()
        for name, ok, remedy in self.checks:
            text.append(f"\n{'✓' if ok else '✗'} {name}", style="green" if ok else "red")
            text.append("" if ok else f"\n  → {remedy}")
        failed = sum(not check.ok for check in self.checks)
        result = f"{failed} of {len(self.checks)} checks failed." if failed else "All checks passed."
        return text.append(f"\n{result}", style="bold")


class Flow:
    """The steps of the check. Each adds to the report."""

    def __init__(self, options: FlowOptions, client: Client, console: Console) -> None:
        self.report = Report(f"payment_flow_{token_hex(4)}")
        self._options = options
        self._client = client
        self._console = console

    def run(self) -> Report:
        """Runs the steps until one fails that the next ones need. Prints what happens."""
        with self._console.status("Following the payment"):
            try:
                self._follow()
            except CallError:
                pass  # it is in the report
            except KeyboardInterrupt:
                self.report.checks.append(Check("the payment ended", ok=False, remedy="you stopped the check before"))
        self._console.print(self.report.text(), soft_wrap=True)
        return self.report

    def _follow(self) -> None:
        with self._step("the checkout API creates the payment and its link"):
            link = self.report.link = self._create()
        expected = checks.expected_after(self._pay(link))
        with self._step("the checkout API returns the payment"):
            payment = self._wait(expected)
        with self._step("the success page answers"):
            heading = self._read_success_page(payment, expected)
        self.report.checks += checks.compare(payment, expected, heading, urljoin(link, "/").rstrip("/"))

    def _create(self) -> str:
        amount, currency = self._options.amount, self._options.currency
        order = {"payment_intent_id": self.report.payment_id, "amount": amount, "currency": currency}
        _, link = self._client.create({**EXAMPLE_ORDER, **order})
        self._print("created", f"{self.report.payment_id}, {money.major_units(amount, currency)} {currency.upper()}")
        self._print("link", link)
        return link

    def _pay(self, link: str) -> Sequence[Attempt]:
        attempts = [
            self._attempt(link, f"card …{card[-4:]}", checks.PAID, {"card": card}) for card in self._options.cards
        ]
        if delayed := self._options.delayed:
            method = {"method": "delayed", "outcome": delayed, "after_seconds": str(DELAY_SECONDS)}
            result = checks.DELAYED_SUCCEEDED if delayed == "succeeded" else checks.DELAYED_FAILED
            attempts.append(self._attempt(link, "bank transfer", result, method))
        if not attempts:
            self._print("waiting", f"open the link and pay within {self._options.timeout:.0f} s; Ctrl-C stops")
        return attempts

    def _attempt(self, link: str, label: str, result: str, method: Mapping[str, str]) -> Attempt:
        with self._step(f"the emulator answers to the {label}"):
            decline = self._client.pay(link, method)
        attempt = Attempt(checks.DECLINED, decline) if decline else Attempt(result)
        self._print(label, checks.describe(attempt.result, attempt.reason))
        return attempt

    def _wait(self, expected: ExpectedResult) -> PaymentJson:
        deadline = time.monotonic() + self._options.timeout
        shown, status = 0, "pending"
        while True:
            payment = self.report.payment = self._client.payment(self.report.payment_id)
            for entry in payment["history"][shown:]:
                self._print("webhook", f"{entry['event_type']} → {entry['outcome']}")
            before, status = status, checks.describe(payment["payment_status"], payment["status_reason"])
            if status != before:
                self._print("status", status)
            if checks.has_ended(payment, expected) or time.monotonic() > deadline:
                return payment
            shown = len(payment["history"])
            time.sleep(POLL_SECONDS)

    def _read_success_page(self, payment: PaymentJson, expected: ExpectedResult) -> str:
        """Reads the page again for a moment if it is behind the record: it asks an index of the table first."""
        deadline = time.monotonic() + (PAGE_SECONDS if payment["payment_status"] == expected.status else 0)
        while True:
            heading = self.report.success_page = self._client.success_page(payment["stripe_session_id"])
            if heading == expected.heading or time.monotonic() > deadline:
                self._print("success page", f"“{heading}”")
                return heading
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """A step that the next ones need. A failed call becomes a failed check."""
        try:
            yield
        except CallError as error:
            self.report.checks.append(Check(name, ok=False, remedy=str(error)))
            raise

    def _print(self, label: str, text: str) -> None:
        self._console.print(Text.assemble((f"{label:<{LABEL_WIDTH}}", "bold"), text), soft_wrap=True)
