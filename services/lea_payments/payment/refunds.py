"""Sums up the refunds of a payment by their states."""

from collections.abc import Iterable
from typing import NamedTuple

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment


class RefundTotals(NamedTuple):
    """The refunds of the PaymentIntent that a record names, in minor units of `currency`.

    `pending` includes refunds that wait for the customer's action or have a state that is not known yet.
    """

    succeeded: int
    pending: int
    failed: int
    currency: str | None


_ENDED = (facts.SUCCEEDED, facts.CANCELED, facts.FAILED)


def refund_totals(record: Payment) -> RefundTotals:
    """The totals of the refunds. A refund that failed no longer counts once the money was refunded in full."""
    payer = _payer(record)
    refunds = _of_payer(record, Kind.REFUND)
    if refunds:
        succeeded = _sum(fact for fact in refunds if fact.state == facts.SUCCEEDED)
        pending = _sum(fact for fact in refunds if fact.state not in _ENDED)
    else:
        # A charge has only a total: it serves while no refund is known by its id.
        succeeded = max((fact.amount or 0 for fact in _of_payer(record, Kind.CHARGE)), default=0)
        pending = 0
    failed = _sum(fact for fact in refunds if fact.state == facts.FAILED)
    paid = payer.amount if payer and payer.amount is not None else record.amount
    if paid is not None:
        failed = max(0, min(failed, paid - succeeded - pending))
    return RefundTotals(succeeded, pending, failed, payer.currency if payer and payer.currency else record.currency)


def _sum(refunds: Iterable[Fact]) -> int:
    return sum(fact.amount or 0 for fact in refunds)


def _payer(record: Payment) -> Fact | None:
    """The paid session of the PaymentIntent that the record names."""
    fact = record.facts.get(record.stripe_session_id or "")
    return fact if fact and fact.kind == Kind.SESSION and fact.state == facts.PAID else None


def _of_payer(record: Payment, kind: Kind) -> list[Fact]:
    """The facts of this kind about the PaymentIntent that the record names; all of the kind without one."""
    intent_id = record.stripe_payment_intent
    return [
        fact
        for fact in record.facts.values()
        if fact.kind == kind and (intent_id is None or fact.intent in (None, intent_id))
    ]
