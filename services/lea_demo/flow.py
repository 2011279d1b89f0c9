"""One payment from its link to its end, by the same calls that its caller and customer make, and what to check."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from lea_demo import checks as demo_checks
from lea_demo.calls import Calls, TroubleError
from lea_demo.checks import DECLINED, PAID, Attempt, Check, ExpectedResult, PaymentJson
from lea_payments.payment import money

POLL_SECONDS, PAGE_SECONDS = 0.25, 5.0
DELAY_SECONDS = 2
LABEL_WIDTH = 14
STAGES = ("created", "link", "waiting", "paid", "webhook seen")
BEFORE_PAID = STAGES.index("waiting")
BEFORE_WEBHOOK = STAGES.index("webhook seen")


class FlowOptions(NamedTuple):
    """What to pay and how; a person pays when there are neither cards nor a delayed result."""

    amount: int
    currency: str
    cards: Sequence[str]
    delayed: str | None
    timeout: float


@dataclass
class Report:
    """What happened, filled as it does."""

    payment_id: str
    link: str = ""
    record: PaymentJson = field(default_factory=dict)
    success_page: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is right."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def summary(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ok": self.ok,
            "payment_intent_id": self.payment_id,
            "link": self.link or None,
            "payment": dict(self.record) or None,
            "success_page": self.success_page or None,
            "checks": [{"name": check.name, "ok": check.ok, "remedy": check.remedy or None} for check in self.checks],
        }


class _Halt(Exception):  # noqa: N818 - it is an end, not an accident
    """Raised when nothing after a failed check can be right."""


def run(plan: FlowOptions, calls: Calls, console: Console) -> Report:
    """Goes through the flow, shows what happens meanwhile, and lists at the end what is right and what is not."""
    flow = Flow(plan, calls, console)
    with closing(calls), console.status("") as status:
        try:
            flow.go(status.update)
        except _Halt:
            pass
        except KeyboardInterrupt:
            flow.report.checks.append(Check("the payment came to its end", "you stopped before it did"))
    console.print(_verdict(flow.report), soft_wrap=True)
    return flow.report


class Flow:
    """The steps; each leaves in the report what it found."""

    def __init__(self, plan: FlowOptions, calls: Calls, console: Console) -> None:
        self.report = Report(f"payment_flow_{token_hex(4)}")
        self._plan = plan
        self._calls = calls
        self._console = console

    def go(self, stage: Callable[[Text], None]) -> None:
        """All steps; `stage` takes the line that says how far it is. Raises _Halt."""
        stage(_stages(0))
        self._create()
        stage(_stages(BEFORE_PAID))
        attempts = self._pay()
        expected = demo_checks.expected_after(attempts)
        stage(_stages(BEFORE_WEBHOOK if attempts else BEFORE_PAID, expected.status))
        self._wait(expected)
        stage(_stages(len(STAGES), expected.status))
        self._look_at_the_page(expected)
        why = self._calls.why_no_event(self.report.link, expected.events)
        self.report.checks += demo_checks.checks_of(self.report.record, expected, self.report.success_page, why)

    def _create(self) -> None:
        plan = self._plan
        wanted = {"payment_intent_id": self.report.payment_id, "user_id": "user_flow", "quote_id": "quote_flow"}
        price = {"amount": plan.amount, "currency": plan.currency, "product_name": "Travel insurance, Japan, 10 days"}
        made = "the checkout API made the payment and its link"
        with self._must(made):
            self.report.link = self._calls.create(wanted | price)
        self.report.checks.append(Check(made))
        readable = f"{money.major_units(plan.amount, plan.currency)} {plan.currency.upper()}"
        self._say("created", f"{self.report.payment_id}, {readable}")
        self._say("link", self.report.link, style="cyan")

    def _pay(self) -> Sequence[Attempt]:
        attempts = [self._attempt(f"card …{card[-4:]}", PAID, {"card": card}) for card in self._plan.cards]
        if delayed := self._plan.delayed:
            wish = {"method": "delayed", "outcome": delayed, "after_seconds": str(DELAY_SECONDS)}
            attempts.append(self._attempt("bank transfer", f"{demo_checks.DELAYED} {delayed}", wish))
        if not attempts:
            self._say("waiting", f"open the link and pay, within {self._plan.timeout:.0f} s; Ctrl-C gives up")
        return attempts

    def _attempt(self, method: str, result: str, wish: dict[str, str]) -> Attempt:
        with self._must(f"the emulator takes the {method}"):
            declined = self._calls.pay(self.report.link, wish)
        self._say(method, f"declined ({declined})" if declined else f"{result}")
        self.report.checks.append(Check(f"the emulator {'declined' if declined else 'took'} the {method}"))
        return Attempt(DECLINED, declined) if declined else Attempt(result)

    def _wait(self, expected: ExpectedResult) -> None:
        deadline = time.monotonic() + self._plan.timeout
        seen, status = 0, "pending"
        with self._must("the payment can be read"):
            while True:
                record = self.report.record = self._calls.record(self.report.payment_id)
                for entry in record["history"][seen:]:
                    self._say("webhook", f"{entry['event_type']} → {entry['outcome']}")
                if (now := demo_checks.status_of(record)) != status:
                    self._say("status", now)
                seen, status = len(record["history"]), now
                if demo_checks.has_ended(record, expected) or time.monotonic() > deadline:
                    return
                time.sleep(POLL_SECONDS)

    def _look_at_the_page(self, expected: ExpectedResult) -> None:
        """More than once when the page is behind its record: the index that it asks first may be, for a moment."""
        record, session = self.report.record, self.report.record["stripe_session_id"]
        deadline = time.monotonic() + (PAGE_SECONDS if record["payment_status"] == expected.status else 0)
        with self._must("the success page answers"):
            while True:
                self.report.success_page = self._calls.success_page(session)
                if self.report.success_page == expected.heading or time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS)
        self._say("success page", f"“{self.report.success_page}”")

    @contextmanager
    def _must(self, name: str) -> Iterator[None]:
        """A step without which the rest makes no sense."""
        try:
            yield
        except TroubleError as trouble:
            self.report.checks.append(Check(name, str(trouble)))
            raise _Halt from None

    def _say(self, label: str, what: str, style: str = "") -> None:
        line = Text.assemble((f"{label:<{LABEL_WIDTH}}", "bold"), (what, style))
        self._console.print(line, soft_wrap=True)


def _stages(reached: int, end: str = "completed") -> Text:
    names = (*STAGES, end)
    return Text("  →  ").join(
        Text(f"✓ {name}" if number < reached else name, style=_stage_style(number - reached))
        for number, name in enumerate(names)
    )


def _stage_style(distance: int) -> str:
    return "green" if distance < 0 else "bold" if distance == 0 else "dim"


def _verdict(report: Report) -> Text:
    lines = [Text()]
    for check in report.checks:
        lines.append(Text(f"{'✓' if check.ok else '✗'} {check.name}", style="green" if check.ok else "red"))
        if check.remedy:
            lines.append(Text(f"  → {check.remedy}"))
    wrong = sum(not check.ok for check in report.checks)
    lines.append(
        Text("All is right." if report.ok else f"{wrong} of {len(report.checks)} checks failed.", style="bold")
    )
    return Text("\n").join(lines)
