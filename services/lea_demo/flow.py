"""Follows one payment from its link to its end and reports what is right and what is not."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    link: str = ""
    payment: PaymentJson = field(default_factory=dict)
    success_page: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all checks passed."""
        return all(check.ok for check in self.checks)

    def summary(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "ok": self.ok,
            "payment_intent_id": self.payment_id,
            "link": self.link or None,
            "payment": dict(self.payment) or None,
            "success_page": self.success_page or None,
            "checks": [{"name": check.name, "ok": check.ok, "remedy": check.remedy or None} for check in self.checks],
        }

    def text(self) -> Text:
        """The report for people."""
        text = Text()
        for name, remedy in self.checks:
            text.append(f"\n{'✗' if remedy else '✓'} {name}", style="red" if remedy else "green")
            text.append(f"\n  → {remedy}" if remedy else "")
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
        """Runs all steps, until one fails that the next ones need, and prints what happens."""
        with self._console.status("Following the payment"):
            try:
                self._create()
                expected = checks.expected_after(self._pay())
                self._wait(expected)
                self._read_success_page(expected)
                origin = urljoin(self.report.link, "/").rstrip("/")
                self.report.checks += checks.compare(self.report.payment, expected, self.report.success_page, origin)
            except CallError:
                pass  # it is in the report
            except KeyboardInterrupt:
                self.report.checks.append(Check("the payment ended", "you stopped the check before"))
        self._console.print(self.report.text(), soft_wrap=True)
        return self.report

    def _create(self) -> None:
        amount, currency = self._options.amount, self._options.currency
        order = {"payment_intent_id": self.report.payment_id, "amount": amount, "currency": currency}
        with self._step("the checkout API created the payment and its link"):
            _, self.report.link = self._client.create({**EXAMPLE_ORDER, **order})
        self._print("created", f"{self.report.payment_id}, {money.major_units(amount, currency)} {currency.upper()}")
        self._print("link", self.report.link)

    def _pay(self) -> Sequence[Attempt]:
        attempts = [self._attempt(f"card …{card[-4:]}", checks.PAID, {"card": card}) for card in self._options.cards]
        if delayed := self._options.delayed:
            method = {"method": "delayed", "outcome": delayed, "after_seconds": str(DELAY_SECONDS)}
            result = checks.DELAYED_SUCCEEDED if delayed == "succeeded" else checks.DELAYED_FAILED
            attempts.append(self._attempt("bank transfer", result, method))
        if not attempts:
            self._print(
                "waiting", f"open the link and pay within {self._options.timeout:.0f} s; Ctrl-C stops the check"
            )
        return attempts

    def _attempt(self, label: str, result: str, method: Mapping[str, str]) -> Attempt:
        with self._step(f"the emulator answers to the {label}"):
            decline = self._client.pay(self.report.link, method)
        attempt = Attempt(checks.DECLINED, decline) if decline else Attempt(result)
        self._print(label, checks.describe(attempt.result, attempt.reason))
        return attempt

    def _wait(self, expected: ExpectedResult) -> None:
        shown, status = 0, "pending"

        def ended() -> bool:
            nonlocal shown, status
            payment = self.report.payment = self._client.payment(self.report.payment_id)
            for entry in payment["history"][shown:]:
                self._print("webhook", f"{entry['event_type']} → {entry['outcome']}")
            before, status = status, checks.describe(payment["payment_status"], payment["status_reason"])
            if status != before:
                self._print("status", status)
            shown = len(payment["history"])
            return checks.has_ended(payment, expected)

        with self._step("the checkout API returns the payment"):
            _poll(ended, self._options.timeout)

    def _read_success_page(self, expected: ExpectedResult) -> None:
        """Reads the page again for a moment if it is behind the record: it asks an index of the table first."""
        payment = self.report.payment

        def is_expected() -> bool:
            self.report.success_page = self._client.success_page(payment["stripe_session_id"])
            return self.report.success_page == expected.heading

        with self._step("the success page answers"):
            _poll(is_expected, PAGE_SECONDS if payment["payment_status"] == expected.status else 0)
        self._print("success page", f"“{self.report.success_page}”")

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """A step that the next ones need. A failed call is added to the report."""
        try:
            yield
        except CallError as error:
            self.report.checks.append(Check(name, str(error)))
            raise
        self.report.checks.append(Check(name))

    def _print(self, label: str, text: str) -> None:
        self._console.print(Text.assemble((f"{label:<{LABEL_WIDTH}}", "bold"), text), soft_wrap=True)


def _poll(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
