"""Answers in one sentence what happened to a payment: whether it is paid, refunded, disputed; pure."""

from collections.abc import Callable, Iterator, Mapping

from lea_payments.commands.amounts import amount_text, amounts_text, spoken_time
from lea_payments.commands.showing.explain import evidence_due
from lea_payments.commands.showing.totals import Totals, payers_of, refunded_intents, totals_of
from lea_payments.payment.event import Outcome
from lea_payments.payment.facts import Kind
from lea_payments.payment.payers import WITHOUT_ID, is_refunded
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment, Status
from lea_payments.payment.refunds import refunds_of_intent
from lea_payments.payment.situations import DISPUTES, FRAUD_WARNING, TOO_MANY_OBJECTS, Situation
from lea_payments.payment.status import Derived, status_of

SENTENCES: Mapping[Situation, str] = {
    Situation.PENDING: "Not paid yet: {requested}.",
    Situation.DECLINED: "Not paid: {requested}; the card was declined{on} ({reason}), another card can be tried.",
    Situation.EXPIRED: "Not paid: {requested}; the link expired{on}, the customer needs a new one.",
    Situation.AWAITING_FUNDS: (
        "Not paid yet: {requested}; the customer has finished the pay page{on}, and the money is on its way."
    ),
    Situation.CANCELED: "Not paid: {requested}; the payment was canceled{on}, and it gets no new link.",
    Situation.ASYNC_FAILED: (
        "Not paid: {requested}; the delayed payment failed{on} and no money arrived, the customer needs a new link."
    ),
    Situation.MISMATCH: "Paid, but not as requested: {paid}{on}; {requested}.",
    Situation.PAID: "Paid: {paid}{on}.",
    Situation.PAID_TWICE: "Paid twice: {paid} in all{since}; {requested}. One of the two must be refunded.",
}
"""What a payment is, by its situation. `{on}` and `{since}` are empty if the time is not known."""

BY_HAND = "Marked as paid by a person or by version 0.1.0: {paid}{on}; no payment at Stripe is known for it."


def _is_about_session(entry: HistoryEntry) -> bool:
    return entry.event_type.startswith("checkout.session")


_IS_DECISIVE: Mapping[Situation, Callable[[HistoryEntry], bool]] = {
    Situation.DECLINED: lambda entry: entry.status_to == Status.FAILED,
    Situation.EXPIRED: lambda entry: entry.status_to == Status.EXPIRED,
    Situation.AWAITING_FUNDS: _is_about_session,
    Situation.ASYNC_FAILED: lambda entry: entry.status_to == Status.FAILED,
    Situation.MISMATCH: lambda entry: entry.outcome == Outcome.REVIEW and _is_about_session(entry),
    Situation.PAID: lambda entry: entry.status_to == Status.COMPLETED,
    Situation.PAID_TWICE: lambda entry: entry.status_to == Status.COMPLETED,
}
"""Which entry of the history has the time of the situation."""

_LATEST = (Situation.DECLINED, Situation.EXPIRED, Situation.ASYNC_FAILED)
"""The situations that can come back: the latest change to the status has their time."""


def answer(record: Payment) -> str:
    """The sentence that answers the question of a customer who says that she has paid."""
    derived = status_of(record)
    is_by_hand = derived.situation is Situation.PAID and payers_of(record).keys() <= WITHOUT_ID
    template = BY_HAND if is_by_hand else SENTENCES[derived.situation]
    moment = _moment(record, derived.situation)
    sentence = template.format(
        requested=_requested(record),
        paid=_paid(record, derived),
        reason=derived.reason,
        on=f" on {moment}" if moment else "",
        since=f" since {moment}" if moment else "",
    )
    more = "; ".join(_more(record, derived))
    return f"{sentence.removesuffix('.')}; {more}." if more else sentence


def _requested(record: Payment) -> str:
    return "no amount is set" if record.amount is None else f"{amount_text(record.amount, record.currency)} is due"


def _paid(record: Payment, derived: Derived) -> str:
    """What was paid. If a second payment was refunded, it is the amount of the other one."""
    payers = payers_of(record)
    named = [fact for fact in payers.values() if fact.intent == derived.stripe_payment_intent]
    if derived.situation is Situation.PAID and len(payers) > 1 and named:
        fact = named[0]
        amount = record.amount if fact.amount is None else fact.amount
        return amount_text(amount, fact.currency or record.currency)
    totals = totals_of(record)
    return amount_text(None, None) if totals.has_unknown else amounts_text(totals.paid, record.currency)


def _moment(record: Payment, situation: Situation) -> str | None:
    """When the situation began, by the mark or by the history; None if they do not say it."""
    if situation is Situation.CANCELED:
        return spoken_time(record.canceled_at)
    is_decisive = _IS_DECISIVE.get(situation)
    if is_decisive is None:
        return None
    entries = [entry for entry in record.history if is_decisive(entry)]
    changes = [entry for entry in entries if entry.status_from != entry.status_to] or entries
    if not changes:
        return None
    return spoken_time(changes[-1 if situation in _LATEST else 0].at)


def _more(record: Payment, derived: Derived) -> Iterator[str]:
    """What else support must know: refunds, disputes and warnings."""
    totals = totals_of(record)
    yield from _refunds(record, derived, totals)
    yield from _disputes(record, totals)
    if derived.reason == FRAUD_WARNING:
        yield "the card issuer suspects fraud"
    if derived.reason == TOO_MANY_OBJECTS:
        yield "the record has lost objects, so there can be more"


def _refunds(record: Payment, derived: Derived, totals: Totals) -> Iterator[str]:
    own, *others = [refunds_of_intent(record, intent_id) for intent_id in refunded_intents(record)]
    if own.succeeded > 0:
        is_full = derived.situation is Situation.PAID and _is_refunded(record, totals)
        yield "refunded in full" if is_full else f"{amount_text(own.succeeded, own.currency)} refunded"
    yield from (
        f"{amount_text(each.succeeded, each.currency)} of a second payment refunded"
        for each in others
        if each.succeeded > 0
    )
    if any(totals.on_the_way.values()):
        yield f"a refund of {amounts_text(totals.on_the_way)} is pending"
    if any(totals.waiting.values()):
        yield f"a refund of {amounts_text(totals.waiting)} waits for the customer"
    if any(totals.failed.values()):
        yield f"a refund of {amounts_text(totals.failed)} failed: refund it in another way"


def _is_refunded(record: Payment, totals: Totals) -> bool:
    """Whether all of the money of every payer is back, and none of it is only pending."""
    payers = payers_of(record).values()
    return not any(totals.pending.values()) and all(is_refunded(record, fact.intent, fact) for fact in payers)


def _disputes(record: Payment, totals: Totals) -> Iterator[str]:
    """The disputes by their status, worst first."""
    for status, text in _DISPUTES.items():
        if status in totals.disputes:
            amounts = totals.disputes[status]
            money = f" ({amounts_text(amounts)})" if any(amounts.values()) else ""
            yield text.format(money=money, due=_due(record) if status is DisputeStatus.OPEN else "")


_DISPUTES: Mapping[DisputeStatus, str] = {
    DisputeStatus.OPEN: "disputed{money}, the bank waits for evidence{due}",
    DisputeStatus.REVIEW: "disputed{money}, the bank reviews the evidence",
    DisputeStatus.LOST: "a dispute was lost{money}: the bank has the money",
    DisputeStatus.WON: "a dispute was won{money}",
}


def _due(record: Payment) -> str:
    """The first day by which an open dispute needs evidence."""
    dates = [
        due
        for fact in record.facts.values()
        if fact.kind == Kind.DISPUTE and DISPUTES.get(fact.state, DisputeStatus.OPEN) is DisputeStatus.OPEN
        if (due := evidence_due(fact))
    ]
    return f" until {min(dates)}" if dates else ""
