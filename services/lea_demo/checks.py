"""Decides how a payment must end after its attempts, and compares the record and the success page with that."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_demo.client import PaymentJson
from lea_payments.telemetry.metrics import REVIEW_REASONS

PAID, DECLINED = "paid", "declined"
DELAYED_SUCCEEDED, DELAYED_FAILED = "accepted, will succeed", "accepted, will fail"
COMPLETED_EVENT = "checkout.session.completed"
SUCCEEDED_EVENT = "checkout.session.async_payment_succeeded"
FAILED_EVENT = "checkout.session.async_payment_failed"
DECLINED_EVENT = "payment_intent.payment_failed"
RECEIVED, NOT_COMPLETED = "Payment received", "Payment not completed"


class Attempt(NamedTuple):
    """One try to pay: its result, and the codes of a decline as the record has them."""

    result: str
    reason: str = ""


class ExpectedResult(NamedTuple):
    """How the payment must end: status, reason, one of the events that decide it, and the success page's heading."""

    status: str
    reason: str | None
    events: Sequence[str]
    heading: str


class Check(NamedTuple):
    """One thing that must be true. `remedy` is empty if it is."""

    name: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is true."""
        return not self.remedy


_EXPECTED: Mapping[str, ExpectedResult] = {
    PAID: ExpectedResult("completed", None, (COMPLETED_EVENT,), RECEIVED),
    DELAYED_SUCCEEDED: ExpectedResult("completed", None, (SUCCEEDED_EVENT,), RECEIVED),
    DELAYED_FAILED: ExpectedResult("failed", "async_payment_failed", (FAILED_EVENT,), NOT_COMPLETED),
}
_PAID_BY_A_PERSON = ExpectedResult("completed", None, (COMPLETED_EVENT, SUCCEEDED_EVENT), RECEIVED)


def expected_after(attempts: Sequence[Attempt]) -> ExpectedResult:
    """How a payment must end after these attempts. Without any, a person pays."""
    if not attempts:
        return _PAID_BY_A_PERSON
    # Declines have no order, so the record keeps the greatest code of several.
    declined = ExpectedResult("failed", max(a.reason for a in attempts), (DECLINED_EVENT,), NOT_COMPLETED)
    return _EXPECTED.get(attempts[-1].result, declined)


def has_ended(payment: PaymentJson, expected: ExpectedResult) -> bool:
    """Whether the payment is as expected, or cannot become so."""
    reached = _status(payment) == (expected.status, expected.reason) and bool(_applied(payment, expected))
    final = payment["payment_status"] in ("completed", "expired")
    return reached or final or payment["status_reason"] in ("async_payment_failed", *REVIEW_REASONS)


def compare(payment: PaymentJson, expected: ExpectedResult, heading: str, origin: str) -> Sequence[Check]:
    """The checks at the end. `origin` is the address of the pay page, which at the emulator lists its deliveries."""
    no_event = (
        f"pay at the link; if it is paid, see {origin}/_deliveries and the webhook's log, "
        "or run `stripe listen` if you use a Stripe sandbox"
    )
    wrong_status = (
        f"it is {describe(*_status(payment))}: `lea-payments show {payment['payment_intent_id']}` lists its events"
    )
    event = _applied(payment, expected)
    found = {
        f"the webhook applied {event or ' or '.join(expected.events)}": "" if event else no_event,
        f"the payment is {describe(expected.status, expected.reason)}": ""
        if _status(payment) == (expected.status, expected.reason)
        else wrong_status,
        f"the success page says “{expected.heading}”": ""
        if heading == expected.heading
        else f"it says “{heading}”: read the pages' log",
    }
    return [Check(name, remedy) for name, remedy in found.items()]


def describe(status: str, reason: str | None) -> str:
    """A status with its reason, for people."""
    return f"{status} ({reason})" if reason else status


def _status(payment: PaymentJson) -> tuple[str, str | None]:
    return payment["payment_status"], payment["status_reason"]


def _applied(payment: PaymentJson, expected: ExpectedResult) -> str:
    """The first expected event that changed the payment, or an empty text."""
    applied = [entry["event_type"] for entry in payment["history"] if entry["outcome"] == "applied"]
    return next((event_type for event_type in expected.events if event_type in applied), "")
