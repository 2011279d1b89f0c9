"""Sums up the refunds of a payment by their states."""

from collections.abc import Iterable
from typing import NamedTuple

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import amount_refunded, refunds_of
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
    refunds = refunds_of(record, record.stripe_payment_intent)
    standing = amount_refunded(record, record.stripe_payment_intent)
    pending = _sum(fact for fact in refunds if fact.state not in _ENDED)
    failed = _sum(fact for fact in refunds if fact.state == facts.FAILED)
    payer = _payer(record)
    paid = payer.amount if payer and payer.amount is not None else record.amount
    if paid is not None and paid >= 0:
        failed = max(0, min(failed, paid - standing))
    return RefundTotals(standing - pending, pending, failed, (payer and payer.currency) or record.currency)


def _sum(refunds: Iterable[Fact]) -> int:
    return sum(fact.amount or 0 for fact in refunds)


def _payer(record: Payment) -> Fact | None:
    """The paid session of the PaymentIntent that the record names."""
    fact = record.facts.get(record.stripe_session_id or "")
    return fact if fact and fact.kind == Kind.SESSION and fact.state == facts.PAID else None
