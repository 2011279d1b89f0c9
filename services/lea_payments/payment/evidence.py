"""Derives facts from published fields that say more than the stored facts, as after an edit by hand."""

from collections.abc import Mapping

from msgspec.structs import replace

from lea_payments.payment import facts
from lea_payments.payment.event import Outcome
from lea_payments.payment.facts import Fact, Facts, Kind
from lea_payments.payment.payers import BY_HAND, BY_HAND_CHARGE, UNKNOWN_INTENT, UNKNOWN_SESSION
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import CURRENCY_MISMATCH, PAID_TWICE, RULES, Situation
from lea_payments.payment.status import BY_HAND_DISPUTE, Derived, status_of

BY_HAND_INTENT = "by_hand:intent"
"""The id of a PaymentIntent that stands for a published decline without facts."""

NEVER_MATCHES = -1
"""An amount that no money equals: the requested amount is unreadable, or of a mismatch only the reason is known."""

UNREADABLE_CURRENCY = "unreadable"
"""A currency that no money has: the requested currency is unreadable."""

DEFAULT_RANKS: Mapping[Status, int] = {
    Status.PENDING: RULES[Situation.PENDING].rank,
    Status.FAILED: RULES[Situation.DECLINED].rank,
    Status.EXPIRED: RULES[Situation.EXPIRED].rank,
    Status.COMPLETED: RULES[Situation.PAID].rank,
}
"""The rank of a status that was written by hand."""

_STATUS_OF_RANK = {rule.rank: rule.status for rule in RULES.values()}

_SESSION_STATES: Mapping[int, str] = {
    RULES[Situation.PAID].rank: facts.PAID,
    RULES[Situation.MISMATCH].rank: facts.PAID,
    RULES[Situation.AWAITING_FUNDS].rank: facts.UNPAID,
    RULES[Situation.ASYNC_FAILED].rank: facts.FAILED,
    RULES[Situation.EXPIRED].rank: facts.EXPIRED,
}
_DISPUTE_STATES: Mapping[DisputeStatus, str] = {
    DisputeStatus.OPEN: "needs_response",
    DisputeStatus.REVIEW: "under_review",
    DisputeStatus.WON: "won",
    DisputeStatus.LOST: "lost",
}


def with_evidence(record: Payment) -> Facts:
    """The record's facts and those that only its published fields state.

    A writer that does not know facts, such as a person or a pod of version 0.1.0 during an update, changes only the
    published fields. A status that outweighs the derived one is therefore taken as a fact, and never lowered.
    """
    derived = status_of(record)
    evidence: dict[str, Fact] = {}
    rank = _rank(record)
    if rank > derived.rank:
        evidence.update(_status_evidence(record, rank))
    if record.status_reason == PAID_TWICE and derived.situation is not Situation.PAID_TWICE:
        evidence.update(_paid_twice_evidence(record))
    if record.amount_refunded > derived.amount_refunded:
        # Of a payment that was paid twice, version 0.1.0 does not store which of the two was refunded.
        intent = None if record.status_reason == PAID_TWICE else record.stripe_payment_intent
        evidence[BY_HAND_CHARGE] = Fact(
            kind=Kind.CHARGE, state=facts.REFUNDED, amount=record.amount_refunded, intent=intent
        )
    evidence.update(_dispute_evidence(record, derived))
    return facts.merge(record.facts, evidence) if evidence else record.facts


def _rank(record: Payment) -> int:
    """The record's rank, or the default rank of its status if the status was changed by hand."""
    if record.status_rank is not None and _STATUS_OF_RANK.get(record.status_rank) is record.payment_status:
        return record.status_rank
    return DEFAULT_RANKS[record.payment_status]


def _status_evidence(record: Payment, rank: int) -> Facts:
    # 0: before the first attempt of checkout, so that a new link is not declined or expired from its start.
    attempt = record.checkout_attempt
    if rank == RULES[Situation.DECLINED].rank:
        code = record.status_reason or "unknown"
        return {BY_HAND_INTENT: Fact(kind=Kind.INTENT, state=facts.DECLINED, code=code, attempt=attempt)}
    session = Fact(kind=Kind.SESSION, state=_SESSION_STATES[rank], attempt=attempt)
    if session.state != facts.PAID:
        return {record.stripe_session_id or BY_HAND: session}
    return _paid_evidence(record, rank)


def _paid_evidence(record: Payment, rank: int) -> Facts:
    # Without a rank a person completed the payment: no event may say otherwise, so it gets an id of its own.
    if rank == RULES[Situation.PAID].rank:
        session_id = record.stripe_session_id if record.status_rank == rank and _is_readable(record) else None
        known = record.facts.get(session_id or "")
        if session_id is None or (known is not None and known.state == facts.PAID):
            # Also if a person has changed the amount of a paid record: Stripe's fact stays as it is.
            session_id = BY_HAND
        return {session_id: _published_payer(record)}
    # The session's next event or a list reports the real currency and amount, and both outweigh these.
    currency = None if record.status_reason == CURRENCY_MISMATCH else _currency(record)
    paid = replace(_published_payer(record), amount=NEVER_MATCHES, currency=currency)
    return {record.stripe_session_id or UNKNOWN_SESSION: paid}


def _paid_twice_evidence(record: Payment) -> Facts:
    """The payer that the record names, and an unknown one if the facts have no other."""
    intents = {fact.intent for fact in record.facts.values() if fact.kind == Kind.SESSION and fact.state == facts.PAID}
    payer = _published_payer(record)
    if any(entry.outcome == Outcome.REVIEW for entry in record.history):
        # One of the two has paid another amount, and it can be this one: version 0.1.0 names the smaller id.
        payer = replace(payer, amount=None)
    evidence = {record.stripe_session_id or UNKNOWN_SESSION: payer}
    if not intents - {record.stripe_payment_intent, None}:
        evidence[BY_HAND] = Fact(kind=Kind.SESSION, state=facts.PAID, intent=UNKNOWN_INTENT)
    return evidence


def _published_payer(record: Payment) -> Fact:
    """The paid session that the record names; it has paid what was requested."""
    return Fact(
        kind=Kind.SESSION,
        state=facts.PAID,
        amount=None if record.amount == NEVER_MATCHES else record.amount,
        currency=_currency(record),
        intent=record.stripe_payment_intent,
    )


def _currency(record: Payment) -> str | None:
    return record.currency.lower() if record.currency and record.currency != UNREADABLE_CURRENCY else None


def _is_readable(record: Payment) -> bool:
    return record.amount != NEVER_MATCHES and record.currency != UNREADABLE_CURRENCY


def _dispute_evidence(record: Payment, derived: Derived) -> Facts:
    """A dispute that is further than the facts say: one without an id, or the only one that is known if it is lost.

    Another status than "lost" can be that of an earlier inquiry, so it must not hide an open dispute.
    """
    is_further = _order(record.dispute_status) > _order(derived.dispute_status)
    known = [object_id for object_id, fact in record.facts.items() if fact.kind == Kind.DISPUTE]
    by_id = [object_id for object_id in known if object_id != BY_HAND_DISPUTE]
    is_clear = not by_id or (len(by_id) == 1 and record.dispute_status is DisputeStatus.LOST)
    if not is_further or not is_clear:
        return {}
    dispute_id = by_id[0] if by_id else BY_HAND_DISPUTE
    return {dispute_id: Fact(kind=Kind.DISPUTE, state=_DISPUTE_STATES[record.dispute_status])}


def _order(status: DisputeStatus) -> int:
    """The position of the status in the order of version 0.1.0, which kept the highest one."""
    return [DisputeStatus.NONE, *_DISPUTE_STATES].index(status)
