"""Defines the result of a reconciler run: the outcome, the drift and the repairs."""

from enum import StrEnum

from lea_payments.payment.record import Payment
from lea_payments.stripe.errors import StripeCallError, StripeRefusedError

DRIFT_FIELDS = (
    "payment_status",
    "status_reason",
    "amount_refunded",
    "dispute_status",
    "stripe_session_id",
    "stripe_payment_intent",
)
"""The published fields that follow from facts. Other changes are not drift: records of version 0.1.0 have no facts."""


class RunOutcome(StrEnum):
    """How a run ended; only an `ok` run has compared everything."""

    OK = "ok"
    STRIPE_UNAVAILABLE = "stripe_unavailable"
    STRIPE_REFUSED = "stripe_refused"
    TABLE_UNAVAILABLE = "table_unavailable"
    ERROR = "error"


class Run:
    """Counts what a run has checked and repaired, and keeps its first problem and the sessions that Stripe listed.

    `lookups_left` is the number of lookups at Stripe that are left to the next run, `payable` the number of open
    sessions of canceled payments.
    """

    def __init__(self) -> None:
        self.outcome = RunOutcome.OK
        self.problem: str | None = None
        self.checked = 0
        self.repaired = 0
        self.lookups_left = 0
        self.payable = 0
        self.listed_sessions: set[str] = set()
        self._differing_payments: set[str] = set()

    @property
    def drift(self) -> int:
        """The number of payments whose published fields differed from Stripe."""
        return len(self._differing_payments)

    def summary(self) -> str:
        """The outcome and the counts as one line."""
        payable = f", open sessions of canceled payments: {self.payable}" if self.payable else ""
        return (
            f"{self.outcome}: facts checked: {self.checked}, payments that differed: {self.drift}, "
            f"changes applied: {self.repaired}{payable}"
        )

    def count_repair(self, before: Payment, after: Payment) -> None:
        """Counts one change; several changes to one payment are one payment of drift."""
        self.repaired += 1
        if any(getattr(before, name) != getattr(after, name) for name in DRIFT_FIELDS):
            self._differing_payments.add(after.payment_intent_id)

    def fail(self, outcome: RunOutcome, problem: str) -> None:
        """Marks the run as incomplete; the first problem decides the outcome."""
        if self.outcome is RunOutcome.OK:
            self.outcome, self.problem = outcome, problem

    def fail_at_stripe(self, error: StripeCallError, path: str | None = None) -> None:
        """Marks the run as incomplete because Stripe rejected a call or did not respond; `path` is the list's."""
        refused = isinstance(error, StripeRefusedError)
        problem = f"{path}: {error}" if path else str(error)
        self.fail(RunOutcome.STRIPE_REFUSED if refused else RunOutcome.STRIPE_UNAVAILABLE, problem)
