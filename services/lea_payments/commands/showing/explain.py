"""Explains what a person must know about a payment besides the answer, and what each of its objects means; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lea_payments.commands.amounts import amount_text
from lea_payments.payment import facts, situations
from lea_payments.payment.evidence import NEVER_MATCHES
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import BY_HAND, UNKNOWN_SESSION
from lea_payments.payment.record import HISTORY_LIMIT, DisputeStatus, Payment
from lea_payments.payment.refunds import NEEDS_ACTION, refunds_of_intent
from lea_payments.payment.situations import DISPUTES, REVIEW_REASONS, Situation
from lea_payments.payment.status import BY_HAND_DISPUTE, status_of

REASONS: Mapping[str | None, str] = {
    situations.AMOUNT_MISMATCH: "The amount paid is not the one requested: review the payment in Stripe's dashboard.",
    situations.CURRENCY_MISMATCH: (
        "The currency paid is not the one requested: review the payment in Stripe's dashboard."
    ),
    situations.Situation.AWAITING_FUNDS: "The payment method is a delayed one: do not ask the customer to pay again.",
    situations.PAID_TWICE: (
        "The customer paid twice, with two PaymentIntents: refund one of them in Stripe's dashboard."
    ),
    situations.FRAUD_WARNING: "The card issuer suspects fraud: refund the payment, or expect a dispute.",
    situations.TOO_MANY_OBJECTS: (
        f"There are more than {facts.OBJECT_LIMIT} refunds, disputes and sessions: the record keeps the most important "
        "ones. Review the payment in Stripe's dashboard."
    ),
}
"""The reasons that need a sentence of their own."""

REFUNDS: Mapping[str, str] = {
    "pending": "A refund of {amount} is pending.",
    "requires_action": "A refund of {amount} waits for the customer, who must name a bank account.",
    facts.SUCCEEDED: "{amount} has been refunded.",
    facts.CANCELED: "A refund of {amount} was canceled.",
    facts.FAILED: "A refund of {amount} has failed: the customer does not have this money. Refund it in another way.",
}
UNKNOWN_REFUND = "A refund of {amount} has a state that this version does not know."

MEANINGS: Mapping[tuple[str, str], str] = {
    (Kind.SESSION, facts.EXPIRED): "expired without a payment",
    (Kind.SESSION, facts.UNPAID): "complete; the money has not arrived yet",
    (Kind.SESSION, facts.FAILED): "complete, but the delayed payment failed",
    (Kind.SESSION, facts.PAID): "paid",
    (Kind.INTENT, facts.DECLINED): "declined",
    (Kind.CHARGE, facts.SUCCEEDED): "succeeded; it says how the customer paid",
    (Kind.CHARGE, facts.REFUNDED): "refunded in total; used only while no refund is known by its id",
    (Kind.REFUND, "pending"): "pending; the customer does not have the money yet",
    (Kind.REFUND, "requires_action"): "waits for the customer, who must name a bank account",
    (Kind.REFUND, facts.SUCCEEDED): "succeeded",
    (Kind.REFUND, facts.CANCELED): "canceled; it does not count",
    (Kind.REFUND, facts.FAILED): "failed; the money is back in the Stripe balance",
    (Kind.DISPUTE, "warning_closed"): "closed without a chargeback",
    (Kind.DISPUTE, "prevented"): "closed without a chargeback",
    (Kind.DISPUTE, "won"): "won: the money is back",
    (Kind.DISPUTE, facts.LOST): "lost: the bank has the money",
    (Kind.DISPUTE, facts.APPEAL_LOST): "lost again after an appeal: the bank has the money",
    (Kind.WARNING, facts.ACTIONABLE): "waits for a decision: a refund now can prevent a dispute",
    (Kind.WARNING, facts.NOT_ACTIONABLE): "needs no action any more",
    (facts.OVERFLOW.kind, facts.OVERFLOW.state): "other objects were dropped",
}
"""The meaning of the states; the other ones of a dispute depend on whether it waits for evidence."""

_OPEN_DISPUTES: Mapping[DisputeStatus, str] = {
    DisputeStatus.OPEN: "open: it waits for evidence",
    DisputeStatus.REVIEW: "open: the bank reviews the evidence",
}
UNKNOWN_STATE = "a state that this version does not know"
UNKNOWN_DISPUTE = f"{UNKNOWN_STATE}; it counts as open"


class KnownObject(NamedTuple):
    """One of Stripe's objects in words. `amount` has its currency; `evidence_due` is a date in UTC."""

    id: str
    kind: str
    state: str
    meaning: str
    amount: str | None = None
    payment_intent: str | None = None
    attempt: int | None = None
    code: str | None = None
    evidence_due: str | None = None
    method: str | None = None


def known_objects(record: Payment) -> Sequence[KnownObject]:
    """The objects of a record, grouped by their kind in the order of payment."""
    kinds = [kind.value for kind in Kind]

    def order(entry: tuple[str, Fact]) -> tuple[int, str]:
        kind = entry[1].kind
        return (kinds.index(kind) if kind in kinds else len(kinds)), entry[0]

    return [_known_object(object_id, fact, record) for object_id, fact in sorted(record.facts.items(), key=order)]


def _known_object(object_id: str, fact: Fact, record: Payment) -> KnownObject:
    return KnownObject(
        id=object_id,
        kind=fact.kind,
        state=fact.state,
        meaning=meaning(fact),
        amount=None
        if fact.amount in (None, NEVER_MATCHES)
        else amount_text(fact.amount, fact.currency or record.currency),
        payment_intent=fact.intent,
        attempt=fact.attempt,
        code=fact.code,
        evidence_due=evidence_due(fact),
        method=fact.method,
    )


def meaning(fact: Fact) -> str:
    """What the object's state means."""
    if fact.kind == Kind.DISPUTE and (fact.kind, fact.state) not in MEANINGS:
        return _OPEN_DISPUTES[DISPUTES[fact.state]] if fact.state in DISPUTES else UNKNOWN_DISPUTE
    return MEANINGS.get((fact.kind, fact.state), UNKNOWN_STATE)


def evidence_due(fact: Fact) -> str | None:
    """The day by which an open dispute needs evidence, in UTC."""
    if fact.due is None or DISPUTES.get(fact.state, DisputeStatus.OPEN) is not DisputeStatus.OPEN:
        return None
    try:
        return datetime.fromtimestamp(fact.due, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def story(record: Payment) -> Sequence[str]:
    """What a person must know besides the answer, as sentences."""
    sentences = []
    reason = status_of(record).reason
    if reason in REASONS:
        sentences.append(REASONS[reason])
    if record.facts.keys() & {BY_HAND, UNKNOWN_SESSION}:
        sentences.append("A person or version 0.1.0 has set this status: no session at Stripe is known for it.")
    if record.canceled_at is not None and status_of(record).situation is not Situation.CANCELED:
        sentences.append(
            "The payment was canceled, but the customer had paid, or money is on its way: the money counts."
        )
    return [*sentences, *_refunds(record), *_disputes(record), *_events(record)]


def _refunds(record: Payment) -> Iterator[str]:
    """What succeeded, what is pending and what is still unrefunded after a failure: one sentence for each state."""
    amounts: Counter[tuple[str, str | None]] = Counter()
    for fact in record.facts.values():
        if fact.kind == Kind.REFUND:
            is_other = fact.intent is not None and fact.intent != record.stripe_payment_intent
            amounts[fact.state, fact.intent if is_other else None] += fact.amount or 0
    for (state, other_intent), total in sorted(amounts.items(), key=str):
        if amount := _failed(record, other_intent) if state == facts.FAILED else total:
            sentence = REFUNDS.get(state, UNKNOWN_REFUND).format(amount=amount_text(amount, record.currency))
            yield f"{sentence} It belongs to the PaymentIntent {other_intent}." if other_intent else sentence
    if not amounts and record.amount_refunded:
        yield REFUNDS[facts.SUCCEEDED].format(amount=amount_text(record.amount_refunded, record.currency))


def _failed(record: Payment, other_intent: str | None) -> int:
    """What failed and is still unrefunded, of the record's PaymentIntent or of another one."""
    return refunds_of_intent(record, other_intent or record.stripe_payment_intent).failed


def _disputes(record: Payment) -> Iterator[str]:
    """The disputes and the early fraud warnings, by id."""
    for object_id, fact in sorted(record.facts.items()):
        if object_id == BY_HAND_DISPUTE:
            yield f"The payment is disputed; the status of the dispute is {record.dispute_status}."
        elif fact.kind == Kind.DISPUTE:
            name = f"without an id, of {fact.intent}," if object_id == f"dispute:{fact.intent}" else object_id
            yield f"Dispute {name}{_of_amount(fact, record)} {_state(fact)}."
        elif fact.kind == Kind.WARNING:
            yield f"The early fraud warning {object_id} {meaning(fact)}."


def _of_amount(fact: Fact, record: Payment) -> str:
    return "" if fact.amount is None else f" of {amount_text(fact.amount, record.currency)}"


def _state(fact: Fact) -> str:
    if fact.state not in DISPUTES:
        return f"is in {meaning(fact)}"
    if (fact.kind, fact.state) in MEANINGS:
        return f"was {meaning(fact)}"
    return f"is {meaning(fact)}" + (f" until {due}" if (due := evidence_due(fact)) else "")


def _events(record: Payment) -> Iterator[str]:
    if not record.history:
        yield "No event from Stripe has reached this payment yet."
    if len(record.history) >= HISTORY_LIMIT:
        yield "The history is full: later events are not added."


def needs_person(record: Payment) -> bool:
    """Whether a person must look at the payment: for its reason, an open dispute, or a refund that failed or waits.

    A refund that waits for the customer fails if nobody gets the bank details.
    """
    refunds = [fact for fact in record.facts.values() if fact.kind == Kind.REFUND]
    intents = {fact.intent for fact in refunds}
    failed = any(_failed(record, intent_id) for intent_id in intents - {record.stripe_payment_intent} | {None})
    waits = any(fact.state == NEEDS_ACTION for fact in refunds)
    return failed or waits or record.status_reason in REVIEW_REASONS or record.dispute_status is DisputeStatus.OPEN
