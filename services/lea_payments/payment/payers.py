"""Decides which PaymentIntents have paid, whether as requested, and how much of their money was refunded."""

from collections.abc import Iterable, Mapping

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind, Method
from lea_payments.payment.record import Payment
from lea_payments.payment.situations import AMOUNT_MISMATCH, CURRENCY_MISMATCH

BY_HAND = "by_hand"
"""The id of a session that stands for a status without facts, such as one that was written by hand."""

UNKNOWN_SESSION = "cs_unknown"
"""The id of a paid session of which a record of version 0.1.0 does not have the id."""

WITHOUT_ID = frozenset({BY_HAND, UNKNOWN_SESSION})
"""The ids of sessions that are not Stripe's ids."""

BY_HAND_CHARGE = "by_hand:charge"
"""The id of a charge that stands for a published total of refunds without facts, such as one of version 0.1.0."""

UNKNOWN_INTENT = "pi_unknown"
"""The other payer of a record of version 0.1.0 that was paid twice: that version kept only one of the two."""

NOT_STANDING = (facts.CANCELED, facts.FAILED)
"""The states of refunds that were not paid out."""


def amount_refunded(record: Payment, intent_id: str | None) -> int:
    """The sum of the refunds of this PaymentIntent that stand, or of all refunds without one; in minor units."""
    known = _known_amount_refunded(record, intent_id)
    published = record.facts.get(BY_HAND_CHARGE)
    if published is None or not _is_about(record, published, intent_id):
        return known
    # Refunds that are known by their ids can be a part of the total, and only those that failed reduce it.
    failed = sum(fact.amount or 0 for fact in refunds_of(record, intent_id) if fact.state in NOT_STANDING)
    return max(known, _charge_total(record, intent_id) - failed, (published.amount or 0) - failed)


def _known_amount_refunded(record: Payment, intent_id: str | None) -> int:
    """The amount by the refunds' ids; the charge's total serves while there are none."""
    refunds = refunds_of(record, intent_id)
    if refunds:
        return sum(fact.amount or 0 for fact in refunds if fact.state not in NOT_STANDING)
    return _charge_total(record, intent_id)


def _charge_total(record: Payment, intent_id: str | None) -> int:
    """The highest total that a charge has reported."""
    return max((fact.amount or 0 for fact in _of_intent(record, Kind.CHARGE, intent_id)), default=0)


def _is_about(record: Payment, published: Fact, intent_id: str | None) -> bool:
    """Whether the published total, which no object reported, counts for the PaymentIntent.

    Version 0.1.0 does not store whose total it is: if another PaymentIntent has reported as much, it is that one's.
    """
    if intent_id is None:
        return True
    others = {fact.intent for fact in record.facts.values() if fact.kind in (Kind.REFUND, Kind.CHARGE)}
    reported = (_reported_total(record, other) for other in others - {None, intent_id, published.intent})
    return published.intent in (None, intent_id) and max(reported, default=0) < (published.amount or 0)


def _reported_total(record: Payment, intent_id: str | None) -> int:
    """The highest amount refunded so far, with refunds that failed later."""
    refunds = refunds_of(record, intent_id)
    return max(sum(fact.amount or 0 for fact in refunds), _charge_total(record, intent_id))


def mismatch(record: Payment, session_id: str, fact: Fact) -> str | None:
    """Why the money of a paid session is not what was requested, or None; a record without an amount accepts any.

    A requested amount below 0 is unreadable, and no money is right.
    """
    if session_id == BY_HAND:
        return None
    requested, collected = record.currency, fact.currency
    if requested is not None and requested != collected and requested.lower() != (collected or "").lower():
        return CURRENCY_MISMATCH
    if record.amount is not None and (record.amount != fact.amount or record.amount < 0):
        return AMOUNT_MISMATCH
    return None


def outstanding_intents(record: Payment, paid: Mapping[str, Fact]) -> set[str]:
    """The PaymentIntents that have paid and are not refunded in full."""
    payers = {fact.intent: fact for fact in paid.values() if fact.intent is not None}
    outstanding = {intent_id for intent_id, fact in payers.items() if not is_refunded(record, intent_id, fact)}
    if UNKNOWN_INTENT in outstanding and (len(payers) > 2 or _refunds_another(record, payers)):
        outstanding.discard(UNKNOWN_INTENT)
    return outstanding


def _refunds_another(record: Payment, payers: Mapping[str, Fact]) -> bool:
    """Whether a PaymentIntent that is not among the payers has been refunded: it must be the unknown one."""
    refunded = {fact.intent for fact in record.facts.values() if fact.kind in (Kind.REFUND, Kind.CHARGE)}
    others = refunded - payers.keys() - {None}
    return any(amount_refunded(record, intent_id) >= max(record.amount or 1, 1) for intent_id in others)


def is_refunded(record: Payment, intent_id: str | None, fact: Fact) -> bool:
    """Whether the payer's money has been refunded in full; an amount that is not known is the requested one."""
    amount = fact.amount if fact.amount is not None and fact.amount >= 0 else record.amount
    published = record.facts.get(BY_HAND_CHARGE)
    # A total that names no PaymentIntent does not say whose money was refunded.
    is_unclear = published is not None and published.intent is None
    refunded = (_known_amount_refunded if is_unclear else amount_refunded)(record, intent_id)
    return amount is not None and refunded >= amount > 0


def payer(record: Payment, paid: Mapping[str, Fact]) -> tuple[str | None, str | None]:
    """The session and the PaymentIntent that the record names.

    One with a PaymentIntent comes first, because refunds and disputes refer to it. Then one that is not refunded in
    full comes before one that is, and the requested amount before another. Among equals the smallest id is as good as
    any, and the same in any order.
    """
    first, *others = _in_order(record, paid) if len(paid) > 1 else paid
    # Of a payer without a session's id, the record keeps its own session, unless another one has paid.
    named = first if first not in WITHOUT_ID else next((id_ for id_ in others if id_ not in WITHOUT_ID), None)
    return named or record.stripe_session_id, paid[first].intent


def _in_order(record: Payment, paid: Mapping[str, Fact]) -> list[str]:
    def order(session_id: str) -> tuple[bool, bool, bool, bool, str, str]:
        fact = paid[session_id]
        return (
            fact.intent in (None, UNKNOWN_INTENT),
            fact.intent is None,
            is_refunded(record, fact.intent, fact),
            mismatch(record, session_id, fact) is not None,
            fact.intent or "",
            session_id,
        )

    return sorted(paid, key=order)


def method_of_payer(record: Payment) -> Method | None:
    """How the PaymentIntent that the record names was paid, or None if that is not known."""
    if record.stripe_payment_intent is None:
        return None
    texts = [fact.method for fact in _of_intent(record, Kind.CHARGE, record.stripe_payment_intent) if fact.method]
    # A PaymentIntent has one charge that succeeded.
    return facts.method_of(max(texts)) if texts else None


def refunds_of(record: Payment, intent_id: str | None) -> list[Fact]:
    """The refunds of this PaymentIntent, or all refunds without one."""
    return list(_of_intent(record, Kind.REFUND, intent_id))


def _of_intent(record: Payment, kind: Kind, intent_id: str | None) -> Iterable[Fact]:
    """The facts of this kind about the PaymentIntent; all of the kind without one. Published totals are not facts."""
    for object_id, fact in record.facts.items():
        is_of_intent = intent_id is None or fact.intent in (None, intent_id)
        if fact.kind == kind and is_of_intent and object_id != BY_HAND_CHARGE:
            yield fact
