"""How a payment must end after what its customer did, and what to do when it does not; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lea_payments.telemetry.metrics import REVIEW_REASONS

PaymentJson = Mapping[str, Any]
"""A payment as the checkout API answers it."""

PAID, DECLINED, DELAYED = "paid", "declined", "accepted; in a moment it has"
DELAYED_SUCCEEDED, DELAYED_FAILED = f"{DELAYED} succeeded", f"{DELAYED} failed"
COMPLETED_EVENT = "checkout.session.completed"
SUCCEEDED_EVENT = "checkout.session.async_payment_succeeded"


class Attempt(NamedTuple):
    """One try to pay: what came of it, and Stripe's codes for a decline as our records write them."""

    result: str
    reason: str = ""


class ExpectedResult(NamedTuple):
    """How the payment must end: its status and reason, one of the events that decides it, the success page's words."""

    status: str
    reason: str | None
    events: Sequence[str]
    heading: str


class Check(NamedTuple):
    """One thing that must be so; `remedy` is empty when it is."""

    name: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is so."""
        return not self.remedy


_ENDS: Mapping[str, ExpectedResult] = {
    PAID: ExpectedResult("completed", None, (COMPLETED_EVENT,), "Payment received"),
    DELAYED_SUCCEEDED: ExpectedResult("completed", None, (SUCCEEDED_EVENT,), "Payment received"),
    DELAYED_FAILED: ExpectedResult(
        "failed", "async_payment_failed", ("checkout.session.async_payment_failed",), "Payment not completed"
    ),
}
_BY_A_PERSON = ExpectedResult("completed", None, (COMPLETED_EVENT, SUCCEEDED_EVENT), "Payment received")


def expected_after(attempts: Sequence[Attempt]) -> ExpectedResult:
    """How a payment must end after these attempts; after none of ours, a person pays."""
    if not attempts:
        return _BY_A_PERSON
    if attempts[-1].result in _ENDS:
        return _ENDS[attempts[-1].result]
    # Declines carry no order, so among several the record keeps the greatest code.
    reason = max(attempt.reason for attempt in attempts)
    return ExpectedResult("failed", reason, ("payment_intent.payment_failed",), "Payment not completed")


def has_ended(record: PaymentJson, expected: ExpectedResult) -> bool:
    """Whether the payment is as it must be, or cannot become so any more."""
    reached = _status_is(record, expected) and bool(_applied(record, expected))
    final = record["payment_status"] in ("completed", "expired")
    return reached or final or record["status_reason"] in ("async_payment_failed", *REVIEW_REASONS)


def checks_of(record: PaymentJson, expected: ExpectedResult, heading: str, why_no_event: str) -> Sequence[Check]:
    """What must be so at the end; `why_no_event` is for a delivery that did not come."""
    seen = _applied(record, expected)
    wanted = " or ".join(expected.events)
    event = Check(f"the webhook applied {seen}") if seen else Check(f"the webhook applied {wanted}", why_no_event)
    return (event, _status_check(record, expected), _page_check(heading, expected))


def status_of(record: PaymentJson) -> str:
    """The status with its reason, for people."""
    reason = record["status_reason"]
    return f"{record['payment_status']} ({reason})" if reason else f"{record['payment_status']}"


def _status_check(record: PaymentJson, expected: ExpectedResult) -> Check:
    name = f"the payment is {expected.status}" + (f" ({expected.reason})" if expected.reason else "")
    if _status_is(record, expected):
        return Check(name)
    return Check(
        name,
        f"it is {status_of(record)}: its history shows which event was the last, "
        f"see `lea-payments show {record['payment_intent_id']}`",
    )


def _page_check(heading: str, expected: ExpectedResult) -> Check:
    name = f"the success page says “{expected.heading}”"
    return Check(name) if heading == expected.heading else Check(name, f"it says “{heading}”: look at the pages' log")


def _status_is(record: PaymentJson, expected: ExpectedResult) -> bool:
    return (record["payment_status"], record["status_reason"]) == (expected.status, expected.reason)


def _applied(record: PaymentJson, expected: ExpectedResult) -> str:
    """The event of those expected that changed the record, if one has."""
    applied = [entry["event_type"] for entry in record["history"] if entry["outcome"] == "applied"]
    return next((name for name in expected.events if name in applied), "")
