"""Sums up the money of a payment: requested, paid, refunded, refunds under way and disputed; pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lea_payments.commands.amounts import Amounts, amount_text, amounts_text
from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import WITHOUT_ID
from lea_payments.payment.record import DisputeStatus, Payment
from lea_payments.payment.refunds import refunds_of_intent
from lea_payments.payment.situations import DISPUTES


class Totals(NamedTuple):
    """The money of one payment by its currency. `has_unknown` says that some amount is not known.

    `pending` includes `waiting`, the refunds that need the customer's bank details.
    """

    paid: Amounts
    refunded: Amounts
    pending: Amounts
    waiting: Amounts
    failed: Amounts
    disputes: Mapping[DisputeStatus, Amounts]
    has_unknown: bool

    @property
    def on_the_way(self) -> Amounts:
        """The pending refunds that wait for nobody."""
        return {currency: amount - self.waiting.get(currency, 0) for currency, amount in self.pending.items()}

    @property
    def disputed(self) -> Amounts:
        """The money of the disputes that are open or lost."""
        total: Counter[str | None] = Counter()
        for status in (DisputeStatus.OPEN, DisputeStatus.REVIEW, DisputeStatus.LOST):
            total.update(self.disputes.get(status, {}))
        return total


def totals_of(record: Payment) -> Totals:
    """The totals of a payment."""
    payers = payers_of(record).values()
    amounts = [(_currency(record, fact), record.amount if fact.amount is None else fact.amount) for fact in payers]
    refunds = [refunds_of_intent(record, intent_id) for intent_id in refunded_intents(record)]
    return Totals(
        paid=_sum((currency, amount or 0) for currency, amount in amounts),
        refunded=_sum((each.currency, each.succeeded) for each in refunds),
        pending=_sum((each.currency, each.pending) for each in refunds),
        waiting=_sum((each.currency, each.waiting) for each in refunds),
        failed=_sum((each.currency, each.failed) for each in refunds),
        disputes=_disputes(record),
        has_unknown=any(amount is None or amount < 0 for _, amount in amounts),
    )


def payers_of(record: Payment) -> Mapping[str, Fact]:
    """The paid sessions, one for each PaymentIntent. A status by hand counts only while no session is known."""
    paid = {
        object_id: fact
        for object_id, fact in record.facts.items()
        if (fact.kind, fact.state) == (Kind.SESSION, facts.PAID)
    }
    real = {object_id: fact for object_id, fact in paid.items() if object_id not in WITHOUT_ID}
    by_intent = {fact.intent or object_id: object_id for object_id, fact in sorted(real.items())}
    return {object_id: paid[object_id] for object_id in sorted(by_intent.values())} or paid


def refunded_intents(record: Payment) -> list[str | None]:
    """The PaymentIntents with refunds, the record's own one first. Without it, all refunds count together."""
    if record.stripe_payment_intent is None:
        return [None]
    others = {fact.intent for fact in record.facts.values() if fact.kind in (Kind.REFUND, Kind.CHARGE)}
    return [record.stripe_payment_intent, *sorted(filter(None, others - {record.stripe_payment_intent}))]


def _sum(amounts: Iterable[tuple[str | None, int]]) -> Amounts:
    total: Counter[str | None] = Counter()
    for currency, amount in amounts:
        total[currency.lower() if currency else None] += max(amount, 0)
    return total


def _disputes(record: Payment) -> Mapping[DisputeStatus, Amounts]:
    disputes = [fact for fact in record.facts.values() if fact.kind == Kind.DISPUTE]
    statuses = {DISPUTES.get(fact.state, DisputeStatus.OPEN) for fact in disputes}
    return {
        status: _sum(
            (_currency(record, fact), fact.amount or 0)
            for fact in disputes
            if DISPUTES.get(fact.state, DisputeStatus.OPEN) is status
        )
        for status in statuses
    }


def _currency(record: Payment, fact: Fact) -> str | None:
    return fact.currency or record.currency


def money_lines(record: Payment) -> Iterator[tuple[str, str]]:
    """The label and the text of each amount."""
    totals = totals_of(record)
    unknown = " or more: an amount is not known" if totals.has_unknown else ""
    yield "Amount", "not set" if record.amount is None else amount_text(record.amount, record.currency)
    yield "Paid", amounts_text(totals.paid, record.currency) + unknown
    yield "Refunded", amounts_text(totals.refunded, record.currency)
    yield "Refund pending", amounts_text(totals.pending, record.currency)
    if any(totals.failed.values()):
        yield "Refund failed", amounts_text(totals.failed, record.currency)
    yield "Disputed", amounts_text(totals.disputed, record.currency)
