"""Derives the status of a payment from its facts and from what was requested."""

from collections.abc import Iterable, Mapping

import msgspec

from lea_payments.payment import facts, payers
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import WITHOUT_ID
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import (
    DISPUTES,
    FRAUD_WARNING,
    PAID_TWICE,
    RULES,
    TOO_MANY_OBJECTS,
    WORST_DISPUTES,
    CanPay,
    Situation,
)

_SESSION = Kind.SESSION.value

# Members that nearly every event needs, looked up once: on Python 3.11 a look-up costs more than a call.
_PAID, _NO_DISPUTE = Situation.PAID, DisputeStatus.NONE

BY_HAND_DISPUTE = "by_hand:dispute"
"""The id of a dispute that is known only from the published field."""


class Derived(msgspec.Struct, frozen=True, gc=False):
    """Everything that is published about a payment and follows from its facts. Amounts are in minor units."""

    situation: Situation
    status: Status
    reason: str | None
    stripe_session_id: str | None
    stripe_payment_intent: str | None
    other_session_id: str | None
    amount_refunded: int
    dispute_status: DisputeStatus

    @property
    def can_pay(self) -> CanPay:
        """Whether the customer can still pay."""
        return RULES[self.situation].can_pay

    @property
    def final(self) -> bool:
        """Whether only a new link or a person can change the status."""
        return RULES[self.situation].final

    @property
    def rank(self) -> int:
        """The rank of version 0.1.0."""
        return RULES[self.situation].rank


def status_of(record: Payment) -> Derived:
    """The derived fields of the record. They depend on the facts, not on the order in which they arrived."""
    sessions: dict[str, Fact] = {}
    paid: dict[str, Fact] = {}
    for object_id, fact in record.facts.items():
        if fact.kind == _SESSION:
            sessions[object_id] = fact
            if fact.state == facts.PAID:
                paid[object_id] = fact
    only_sessions = len(sessions) == len(record.facts)
    session_id, intent_id = record.stripe_session_id, record.stripe_payment_intent
    if paid:
        situation, reason = _paid(record, paid)
        session_id, intent_id = payers.payer(record, paid)
        if not only_sessions and situation is _PAID and _has_fraud_warning(record, paid):
            reason = FRAUD_WARNING
    else:
        situation, reason = _unpaid(record, sessions)
    if facts.OVERFLOW_ID in record.facts:
        reason = TOO_MANY_OBJECTS
    return Derived(
        situation,
        RULES[situation].status,
        reason,
        session_id,
        intent_id,
        _other_session(record, sessions, session_id),
        0 if only_sessions else payers.amount_refunded(record, intent_id),
        _NO_DISPUTE if only_sessions else _dispute_status(record),
    )


def _paid(record: Payment, paid: Mapping[str, Fact]) -> tuple[Situation, str | None]:
    mismatches: list[str] = []
    for session_id, fact in paid.items():
        mismatch = payers.mismatch(record, session_id, fact)
        if mismatch is None:
            break
        mismatches.append(mismatch)
    else:
        return Situation.MISMATCH, max(mismatches)
    if len(paid) > 1 and len(payers.outstanding_intents(record, paid)) > 1:
        return Situation.PAID_TWICE, PAID_TWICE
    return _PAID, None


def _unpaid(record: Payment, sessions: Mapping[str, Fact]) -> tuple[Situation, str | None]:
    # A session gets a state that this version does not know only when it is complete: its money can be on its way.
    if any(fact.state == facts.UNPAID or not facts.is_known_state(fact) for fact in sessions.values()):
        return Situation.AWAITING_FUNDS, Situation.AWAITING_FUNDS.value
    if record.canceled_at is not None:
        return Situation.CANCELED, Situation.CANCELED.value
    states = {fact.state for session_id, fact in sessions.items() if is_current_session(record, session_id, fact)}
    if facts.FAILED in states:
        return Situation.ASYNC_FAILED, Situation.ASYNC_FAILED.value
    if facts.EXPIRED in states:
        return Situation.EXPIRED, None
    codes = [fact.code or "unknown" for fact in _current_declines(record, sessions)]
    return (Situation.DECLINED, max(codes)) if codes else (Situation.PENDING, None)


def is_current_session(record: Payment, session_id: str, fact: Fact) -> bool:
    """Whether the session belongs to the current attempt. A recovered session has its predecessor's attempt."""
    if session_id == record.stripe_session_id:
        return True
    if record.checkout_attempt and fact.attempt is not None:
        return fact.attempt == record.checkout_attempt
    # Without a number it is not one of the sessions that checkout creates, so it is current only without an attempt.
    return record.stripe_session_id is None and not record.checkout_attempt


def _current_declines(record: Payment, sessions: Mapping[str, Fact]) -> Iterable[Fact]:
    """The declined PaymentIntents of the current attempt."""
    declines = _of_kind(record, Kind.INTENT)
    if not declines:
        return
    former = {fact.intent for session_id, fact in sessions.items() if not is_current_session(record, session_id, fact)}
    for intent_id, fact in declines.items():
        if fact.attempt is None:
            # Only checkout's first attempt can be meant: later ones have their number in the metadata.
            is_current = record.checkout_attempt <= 1 and intent_id not in former
        else:
            is_current = fact.attempt == record.checkout_attempt or not record.checkout_attempt
        if is_current and fact.state == facts.DECLINED:
            yield fact


def _other_session(record: Payment, sessions: Mapping[str, Fact], published: str | None) -> str | None:
    """A session besides the published one, so that its customer sees the payment too: the one that got furthest."""
    if published is None and record.checkout_attempt:
        # A new attempt waits for its session's id. The former session stays known: it would not be found again.
        return record.other_session_id
    known = (record.stripe_session_id, record.other_session_id, *sessions)
    candidates = [id_ for id_ in known if id_ and id_ != published and id_ not in WITHOUT_ID]
    return _furthest_session(record, sessions, candidates) if candidates else None


def _furthest_session(record: Payment, sessions: Mapping[str, Fact], candidates: Iterable[str]) -> str:
    order = facts.STATES[Kind.SESSION].index

    def progress(session_id: str) -> tuple[int, bool, str]:
        fact = sessions.get(session_id)
        if fact is None:
            # A session without a fact is forgotten when another takes its place. The current session must therefore
            # come first: it takes the place again if that other one becomes the published session.
            return -1, session_id == record.stripe_session_id, session_id
        return (order(fact.state) if facts.is_known_state(fact) else 0), False, session_id

    return max(candidates, key=progress)


def _has_fraud_warning(record: Payment, paid: Mapping[str, Fact]) -> bool:
    """Whether a warning about money that has not been refunded in full asks for an action."""
    warned = [fact for fact in record.facts.values() if (fact.kind, fact.state) == (Kind.WARNING, facts.ACTIONABLE)]
    payments = {fact.intent: fact for fact in paid.values()}
    return any(
        fact.intent is None or not payers.is_refunded(record, fact.intent, payments.get(fact.intent, fact))
        for fact in warned
    )


def _dispute_status(record: Payment) -> DisputeStatus:
    disputes = _of_kind(record, Kind.DISPUTE)
    # What is known only from a published field serves while no dispute is known by its id.
    known = {fact.state for object_id, fact in disputes.items() if object_id != BY_HAND_DISPUTE} or {
        fact.state for fact in disputes.values()
    }
    statuses = {DISPUTES.get(state, DisputeStatus.OPEN) for state in known}
    return next((status for status in WORST_DISPUTES if status in statuses), DisputeStatus.NONE)


def _of_kind(record: Payment, kind: Kind) -> dict[str, Fact]:
    return {object_id: fact for object_id, fact in record.facts.items() if fact.kind == kind}
