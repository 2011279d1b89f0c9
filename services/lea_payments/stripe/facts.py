"""Translates Stripe's objects, from events and from lists alike, into facts about payments."""

from collections.abc import Callable, Mapping

import msgspec

from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.stripe.shapes import (
    MAX_AMOUNT,
    MAX_SECONDS,
    PAYMENT_MODES,
    Money,
    PaymentError,
    PaymentIntent,
    SessionObject,
    attempt_of,
    code_of,
    decode_dispute,
    decode_intent,
    decode_refund,
    decode_session,
    decode_warning,
    id_of,
    is_code,
    money_of,
    whole_number,
)
from lea_payments.stripe.translation.charges import charge_fact
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact, of_intent, of_session

SESSION, INTENT, CHARGE = "checkout.session", "payment_intent", "charge"
REFUND, DISPUTE, WARNING = "refund", "dispute", "radar.early_fraud_warning"
"""The values of Stripe's field `object`."""

LISTED_TYPES = (SESSION, INTENT, REFUND, DISPUTE, WARNING)
"""The objects that are read from lists; a PaymentIntent is read with its session."""

_ENDED = ("requires_payment_method", "canceled")
"""The statuses of a PaymentIntent that mean, once its session is complete, that no money will arrive."""

_STATUS_BY_EVENT: Mapping[str, str] = {
    "checkout.session.completed": "complete",
    "checkout.session.async_payment_succeeded": "complete",
    "checkout.session.async_payment_failed": "complete",
    "checkout.session.expired": "expired",
}
_STATE_BY_EVENT: Mapping[str, str] = {
    "checkout.session.async_payment_succeeded": facts.PAID,
    "checkout.session.async_payment_failed": facts.FAILED,
    "refund.failed": facts.FAILED,
}
"""What the type of an event says beyond its object."""

_SESSION_KIND = Kind.SESSION.value
"""Looked up once: on Python 3.11 a look-up of a member costs more than a call."""

_PAYMENT_STATES: Mapping[str, str] = {
    "paid": facts.PAID,
    "no_payment_required": facts.PAID,
    "unpaid": facts.UNPAID,
}
"""The state of a complete session by its payment status (API reference); any other one is stored, and is not paid."""


def session_fact(raw: msgspec.Raw | bytes | SessionObject, event_type: str = "") -> ObjectFact | NoFact:
    """The fact about a Checkout Session. Its PaymentIntent can be expanded. Raises MsgspecError."""
    session = raw if isinstance(raw, SessionObject) else decode_session(raw)
    if session.mode not in PAYMENT_MODES:
        return NoFact(_with_code("session_mode", session.mode))
    state = _session_state(session, event_type)
    if state is None:
        return NoFact("session_open")
    intent_id = id_of(session.payment_intent)
    money = _money(session, state)
    fact = Fact(
        kind=_SESSION_KIND,
        state=state,
        amount=money.amount_total,
        currency=money.currency,
        intent=intent_id,
        attempt=attempt_of(session.metadata),
    )
    return of_session(session, session.id, fact, intent_id)


def open_session_fact(raw: msgspec.Raw | bytes) -> ObjectFact | NoFact:
    """An open Checkout Session as a fact, which is never stored. Raises MsgspecError."""
    session = decode_session(raw)
    if session.mode not in PAYMENT_MODES or session.status != "open":
        return NoFact("session_not_open")
    fact = Fact(kind=Kind.SESSION, state="open")
    return of_session(session, session.id, fact, id_of(session.payment_intent))


def _money(session: SessionObject, state: str) -> Money:
    """What the session collected. Of a session that ended without money it can be unreadable."""
    try:
        return money_of(session)
    except msgspec.ValidationError:
        if state in (facts.EXPIRED, facts.FAILED):
            return Money()
        raise


def expanded_intent_fact(raw: msgspec.Raw | bytes) -> ObjectFact | NoFact:
    """The fact about the PaymentIntent that is expanded in a session, with the references of the session."""
    session = decode_session(raw)
    intent = session.payment_intent
    if session.mode not in PAYMENT_MODES or not isinstance(intent, PaymentIntent):
        return NoFact("not_expanded")
    if intent.last_payment_error is None or session.status == "complete":
        return NoFact("not_declined")
    attempt = attempt_of(intent.metadata) or attempt_of(session.metadata)
    return of_session(session, intent.id, _declined(intent.last_payment_error, attempt), intent.id)


def _session_state(session: SessionObject, event_type: str) -> str | None:
    """The state of the session; None while it is open."""
    by_event = _STATE_BY_EVENT.get(event_type)
    if by_event == facts.FAILED:
        return by_event
    status = _STATUS_BY_EVENT.get(event_type) or session.status
    if status == "expired":
        return facts.EXPIRED
    if status != "complete":
        return None
    state = _PAYMENT_STATES.get(session.payment_status) if isinstance(session.payment_status, str) else None
    if state is None:
        return code_of(session.payment_status)
    state = by_event or state
    intent = session.payment_intent
    if state == facts.UNPAID and isinstance(intent, PaymentIntent) and intent.status in _ENDED:
        return facts.FAILED
    return state


def intent_fact(raw: msgspec.Raw | bytes, event_type: str = "") -> ObjectFact | NoFact:
    """The fact about a PaymentIntent: that it was declined. Raises MsgspecError."""
    intent = decode_intent(raw)
    if intent.last_payment_error is None and not event_type:
        return NoFact("not_declined")
    fact = _declined(intent.last_payment_error or PaymentError(), attempt_of(intent.metadata))
    return of_intent(intent.id, fact, intent.id, intent.metadata, intent.created)


def _declined(error: PaymentError, attempt: int | None) -> Fact:
    codes = [code for code in (error.code, error.decline_code) if is_code(code)]
    return Fact(kind=Kind.INTENT, state=facts.DECLINED, code=":".join(codes) or "unknown", attempt=attempt)


def refund_fact(raw: msgspec.Raw | bytes, event_type: str = "") -> ObjectFact | NoFact:
    """The fact about a refund. Raises MsgspecError."""
    refund = decode_refund(raw)
    intent_id = id_of(refund.payment_intent)
    state = _STATE_BY_EVENT.get(event_type) or code_of(refund.status)
    fact = Fact(kind=Kind.REFUND, state=state, amount=refund.amount, intent=intent_id)
    return of_intent(refund.id, fact, intent_id, refund.metadata, refund.created, refund.currency)


def dispute_fact(raw: msgspec.Raw | bytes, event_type: str = "") -> ObjectFact | NoFact:  # noqa: ARG001 - as the others
    """The fact about a dispute. Raises MsgspecError."""
    dispute = decode_dispute(raw)
    intent_id = id_of(dispute.payment_intent)
    fact = Fact(
        kind=Kind.DISPUTE,
        state=code_of(dispute.status),
        amount=whole_number(dispute.amount, MAX_AMOUNT),
        intent=intent_id,
        due=whole_number(dispute.evidence_details.due_by, MAX_SECONDS) if dispute.evidence_details else None,
    )
    return of_intent(dispute.id, fact, intent_id, dispute.metadata, dispute.created, dispute.currency)


def warning_fact(raw: msgspec.Raw | bytes, event_type: str = "") -> ObjectFact | NoFact:  # noqa: ARG001 - as the others
    """The fact about an early fraud warning. Raises MsgspecError."""
    warning = decode_warning(raw)
    intent_id = id_of(warning.payment_intent)
    state = facts.ACTIONABLE if warning.actionable else facts.NOT_ACTIONABLE
    fact = Fact(kind=Kind.WARNING, state=state, intent=intent_id)
    return of_intent(warning.id, fact, intent_id, None, warning.created)


FACT_OF: Mapping[str, Callable[..., ObjectFact | NoFact]] = {
    SESSION: session_fact,
    INTENT: intent_fact,
    CHARGE: charge_fact,
    REFUND: refund_fact,
    DISPUTE: dispute_fact,
    WARNING: warning_fact,
}
"""The translation of each kind of object; its second argument is the type of the event, if there is one."""


def _with_code(reason: str, code: str | None) -> str:
    """The reason with Stripe's code, if the code has the format of one."""
    return f"{reason}:{code}" if is_code(code) else reason
