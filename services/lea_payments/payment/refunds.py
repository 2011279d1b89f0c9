"""Sums up the refunds of a payment by their states."""

from collections.abc import Iterable
from typing import NamedTuple

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import amount_refunded, refunds_of
from lea_payments.payment.record import Payment

NEEDS_ACTION = "requires_action"


class RefundTotals(NamedTuple):
    """The refunds of the PaymentIntent that a record names, in minor units of `currency`.

    `pending` includes refunds that wait for the customer's action or have a state that is not known yet.
    """

    succeeded: int
    pending: int
    failed: int
    currency: str | None


class IntentRefunds(NamedTuple):
    """The refunds of one PaymentIntent as its customer sees them. `waiting` ones need the customer's bank details.

    `paid` is what the PaymentIntent has collected, or None if that is not known.
    """

    succeeded: int
    on_the_way: int
    waiting: int
    failed: int
    paid: int | None
    currency: str | None

    @property
    def pending(self) -> int:
        """The refunds that are under way, with those that need the customer's bank details."""
        return self.on_the_way + self.waiting

    @property
    def is_full(self) -> bool:
        """Whether all of the money has been refunded."""
        return self.paid is not None and self.succeeded >= self.paid > 0

    @property
    def will_be_full(self) -> bool:
        """Whether all of the money has been refunded once the refunds that are under way have arrived."""
        return self.paid is not None and self.succeeded + self.pending >= self.paid > 0


_ENDED = (facts.SUCCEEDED, facts.CANCELED, facts.FAILED)


def refund_totals(record: Payment) -> RefundTotals:
    """The totals of the refunds. A refund that failed no longer counts once the money was refunded in full."""
    refunds = refunds_of_intent(record, record.stripe_payment_intent)
    return RefundTotals(refunds.succeeded, refunds.pending, refunds.failed, refunds.currency)


def refunds_of_intent(record: Payment, intent_id: str | None) -> IntentRefunds:
    """The refunds of this PaymentIntent by their states."""
    refunds = refunds_of(record, intent_id)
    standing = amount_refunded(record, intent_id)
    pending = _sum(fact for fact in refunds if fact.state not in _ENDED)
    waiting = _sum(fact for fact in refunds if fact.state == NEEDS_ACTION)
    failed = _sum(fact for fact in refunds if fact.state == facts.FAILED)
    payer = _payer(record, intent_id)
    paid = payer.amount if payer and payer.amount is not None else record.amount
    if paid is not None and paid >= 0:
        failed = max(0, min(failed, paid - standing))
    currency = (payer and payer.currency) or record.currency
    return IntentRefunds(standing - pending, pending - waiting, waiting, failed, paid, currency)


def refunds_of_others(record: Payment) -> list[IntentRefunds]:
    """The refunds of the other PaymentIntents of a payment: of a duplicate, or of money that was not as requested."""
    if record.stripe_payment_intent is None:
        return []  # then every refund counts as one of the payment
    others = {fact.intent for fact in record.facts.values() if fact.kind == Kind.REFUND}
    others -= {None, record.stripe_payment_intent}
    return [refunds_of_intent(record, intent_id) for intent_id in sorted(filter(None, others))]


def _sum(refunds: Iterable[Fact]) -> int:
    return sum(fact.amount or 0 for fact in refunds)


def _payer(record: Payment, intent_id: str | None) -> Fact | None:
    """The paid session of the PaymentIntent: the record's own session if the record names the PaymentIntent."""
    if intent_id == record.stripe_payment_intent:
        session = record.facts.get(record.stripe_session_id or "")
        return session if session and _is_paid(session) else None
    paid = (fact for fact in record.facts.values() if _is_paid(fact) and fact.intent == intent_id)
    return max(paid, key=lambda fact: fact.amount or 0, default=None)


def _is_paid(fact: Fact) -> bool:
    return fact.kind == Kind.SESSION and fact.state == facts.PAID
