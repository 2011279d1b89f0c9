"""Defines a payment's state at Stripe and how the record differs from it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lea_payments.commands.at_stripe.differences import Difference
from lea_payments.payment.record import Payment


class StripeState(NamedTuple):
    """A payment's objects at Stripe, reduced to the fields that matter, and how the record differs from them.

    `after` is the record as it would be with everything that Stripe has.
    """

    objects: Sequence[Mapping[str, Any]]
    undelivered: Sequence[Mapping[str, Any]]
    differences: Sequence[Difference]
    notes: Sequence[str]
    not_compared: Sequence[str]
    after: Payment
    needs_person: bool

    @property
    def agrees(self) -> bool:
        """Whether everything was compared, nothing differs, and nothing needs a person."""
        return not self.differences and not self.not_compared and not self.needs_person
