"""Defines the result of a reconciler run: the outcome, the drift and the repairs."""

from enum import StrEnum

from lea_payments.stripe.errors import StripeCallError, StripeRefusedError


class RunOutcome(StrEnum):
    """How a run ended; only an `ok` run has compared everything."""

    OK = "ok"
    STRIPE_UNAVAILABLE = "stripe_unavailable"
    STRIPE_REFUSED = "stripe_refused"
    TABLE_UNAVAILABLE = "table_unavailable"
    ERROR = "error"


class Run:
    """Counts what a run has checked and repaired, and keeps its first problem."""

    def __init__(self) -> None:
        self.outcome = RunOutcome.OK
        self.problem: str | None = None
        self.checked = 0
        self.repaired = 0
        self._differing_payments: set[str] = set()

    @property
    def drift(self) -> int:
        """The number of payments that differed from Stripe."""
        return len(self._differing_payments)

    def count_repair(self, payment_id: str) -> None:
        """Counts one change; several changes to one payment are one payment of drift."""
        self.repaired += 1
        self._differing_payments.add(payment_id)

    def fail(self, outcome: RunOutcome, problem: str) -> None:
        """Marks the run as incomplete; the first problem decides the outcome."""
        if self.outcome is RunOutcome.OK:
            self.outcome, self.problem = outcome, problem

    def fail_at_stripe(self, error: StripeCallError) -> None:
        """Marks the run as incomplete because Stripe rejected a call or did not respond."""
        refused = isinstance(error, StripeRefusedError)
        self.fail(RunOutcome.STRIPE_REFUSED if refused else RunOutcome.STRIPE_UNAVAILABLE, str(error))
