"""Decides how a payment must end after its attempts, and compares the record and the success page with that."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_demo.client import PaymentJson
from lea_payments.telemetry.metrics import REVIEW_REASONS

PAID, DECLINED = "paid", "declined"
DELAYED_SUCCEEDED, DELAYED_FAILED = "accepted, will succeed", "accepted, will fail"
HEADINGS = {"completed": "Payment received", "failed": "Payment not completed"}


class Attempt(NamedTuple):
    """One try to pay: its result, and the codes of a decline as the record has them."""

    result: str
    reason: str = ""


class ExpectedResult(NamedTuple):
    """How the payment must end: its status and reason, and the events of which one decides it."""

    status: str
    reason: str | None
    events: Sequence[str]

    @property
    def heading(self) -> str:
        """The heading of the success page."""
        return HEADINGS[self.status]


class Check(NamedTuple):
    """One thing that must be true. `remedy` says what to do if it is not."""

    name: str
    ok: bool
    remedy: str


_EXPECTED: Mapping[str, ExpectedResult] = {
    PAID: ExpectedResult("completed", None, ["checkout.session.completed"]),
    DELAYED_SUCCEEDED: ExpectedResult("completed", None, ["checkout.session.async_payment_succeeded"]),
    DELAYED_FAILED: ExpectedResult("failed", "async_payment_failed", ["checkout.session.async_payment_failed"]),
}
_PAID_BY_A_PERSON = ExpectedResult("completed", None, [*_EXPECTED[PAID].events, *_EXPECTED[DELAYED_SUCCEEDED].events])


def expected_after(attempts: Sequence[Attempt]) -> ExpectedResult:
    """How a payment must end after these attempts. Without any, a person pays."""
    if not attempts:
        return _PAID_BY_A_PERSON
    # Declines have no order, so the record keeps the greatest code of several.
    declined = ExpectedResult("failed", max(a.reason for a in attempts), ["payment_intent.payment_failed"])
    return _EXPECTED.get(attempts[-1].result, declined)


def has_ended(payment: PaymentJson, expected: ExpectedResult) -> bool:
    """Whether the payment is as expected, or cannot become so."""
    as_expected = _applied(payment, expected) and _status(payment) == (expected.status, expected.reason)
    final = payment["payment_status"] in ("completed", "expired")
    return bool(as_expected) or final or payment["status_reason"] in ("async_payment_failed", *REVIEW_REASONS)


def compare(payment: PaymentJson, expected: ExpectedResult, heading: str, origin: str) -> Sequence[Check]:
    """The checks at the end. `origin` is the address of the pay page, which at the emulator lists its deliveries."""
    applied = _applied(payment, expected)
    status = _status(payment)
    return [
        Check(
            f"the webhook applied {applied or ' or '.join(expected.events)}",
            applied is not None,
            f"pay at the link; if it is paid, see {origin}/_deliveries and the webhook's log, "
            "or run `stripe listen` if you use a Stripe sandbox",
        ),
        Check(
            f"the payment is {describe(expected.status, expected.reason)}",
            status == (expected.status, expected.reason),
            f"it is {describe(*status)}: `lea-payments show {payment['payment_intent_id']}` lists its events",
        ),
        Check(
            f"the success page says “{expected.heading}”",
            heading == expected.heading,
            f"it says “{heading}”: read the pages' log",
        ),
    ]


def describe(status: str, reason: str | None) -> str:
    """A status with its reason, for people."""
    return f"{status} ({reason})" if reason else status


def _status(payment: PaymentJson) -> tuple[str, str | None]:
    return payment["payment_status"], payment["status_reason"]


def _applied(payment: PaymentJson, expected: ExpectedResult) -> str | None:
    """The first expected event that changed the payment."""
    applied = [entry["event_type"] for entry in payment["history"] if entry["outcome"] == "applied"]
    return next((event_type for event_type in expected.events if event_type in applied), None)
