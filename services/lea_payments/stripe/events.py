"""A delivery of Stripe's as bytes, verified and translated into our PaymentEvent; performs no I/O of its own."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Dispute
from lea_payments.stripe import signature
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.shapes import (
    Event,
    Expanded,
    Metadata,
    PaymentError,
    SessionObject,
    decode_charge,
    decode_dispute,
    decode_event,
    decode_intent,
    decode_refund,
    decode_session,
    our_id,
)

WEBHOOK_PATH = "/webhook/stripe"
"""The path to which Stripe delivers events."""

OTHER_TYPE = "other"
"""The event type in metrics for all that we do not use, so that a sender cannot invent label values."""

_CODE = re.compile("[a-z][a-z0-9_]{0,49}")
"""Stripe's codes look like this; a reason is published and logged, so nothing else becomes one."""


class Ignored(NamedTuple):
    """A verified event that asks nothing of us, and why."""

    id: str
    type: str
    created: int
    outcome: Outcome


class Delivery(NamedTuple):
    """One verified delivery. `secret_index` 0 is the current secret; `signed_at` is in seconds since 1970."""

    event: PaymentEvent | Ignored
    secret_index: int
    signed_at: int


_DISPUTES: Mapping[str, Dispute] = {
    "warning_needs_response": Dispute.OPEN,
    "warning_under_review": Dispute.REVIEW,
    "warning_closed": Dispute.WON,
    "needs_response": Dispute.OPEN,
    "under_review": Dispute.REVIEW,
    "prevented": Dispute.WON,
    "won": Dispute.WON,
    "lost": Dispute.LOST,
}
"""The statuses of a dispute in the API reference; one added there later counts as open until it is listed here."""


def _paid_or_waiting(event: Event) -> PaymentEvent:
    session = decode_session(event.data.object)
    return _of_session(event, session, Fact.AWAITING_FUNDS if session.payment_status == "unpaid" else Fact.PAID)


def _session_paid(event: Event) -> PaymentEvent:
    return _of_session(event, decode_session(event.data.object), Fact.PAID)


def _session_expired(event: Event) -> PaymentEvent:
    return _of_session(event, decode_session(event.data.object), Fact.SESSION_EXPIRED)


def _session_failed(event: Event) -> PaymentEvent:
    return _of_session(event, decode_session(event.data.object), Fact.ASYNC_FAILED)


def _of_session(event: Event, session: SessionObject, fact: Fact) -> PaymentEvent:
    metadata = session.metadata or {}
    return PaymentEvent(
        id=event.id,
        type=event.type,
        created=event.created,
        fact=fact,
        payment_id=our_id(session.client_reference_id, metadata),
        session_id=session.id,
        session_created=session.created,
        stripe_payment_intent=_id_of(session.payment_intent),
        amount=session.amount_total,
        currency=session.currency,
        traceparent=metadata.get("traceparent"),
    )


def _declined(event: Event) -> PaymentEvent:
    intent = decode_intent(event.data.object)
    error = intent.last_payment_error or PaymentError()
    codes = [code for code in (error.code, error.decline_code) if code and _CODE.fullmatch(code)]
    return _of_intent(event, Fact.DECLINED, intent.id, intent.metadata, reason=":".join(codes) or "unknown")


def _charge_refunded(event: Event) -> PaymentEvent:
    charge = decode_charge(event.data.object)
    return _of_intent(
        event,
        Fact.REFUNDED,
        _id_of(charge.payment_intent),
        charge.metadata,
        amount_refunded=charge.amount_refunded,
    )


def _refund_changed(event: Event) -> PaymentEvent:
    refund = decode_refund(event.data.object)
    failed = event.type == "refund.failed" or refund.status in ("failed", "canceled")
    fact = Fact.REFUND_FAILED if failed else Fact.REFUNDED
    return _of_intent(event, fact, _id_of(refund.payment_intent), refund.metadata, amount_refunded=refund.amount)


def _disputed(event: Event) -> PaymentEvent:
    dispute = decode_dispute(event.data.object)
    stage = _DISPUTES.get(dispute.status, Dispute.OPEN)
    return _of_intent(event, Fact.DISPUTED, _id_of(dispute.payment_intent), dispute.metadata, dispute=stage)


def _of_intent(
    event: Event,
    fact: Fact,
    intent: str | None,
    metadata: Metadata | None,
    *,
    reason: str | None = None,
    amount_refunded: int = 0,
    dispute: Dispute = Dispute.NONE,
) -> PaymentEvent:
    metadata = metadata or {}
    return PaymentEvent(
        id=event.id,
        type=event.type,
        created=event.created,
        fact=fact,
        payment_id=our_id(None, metadata),
        stripe_payment_intent=intent,
        reason=reason,
        amount_refunded=amount_refunded,
        dispute=dispute,
        traceparent=metadata.get("traceparent"),
    )


def _id_of(reference: str | Expanded | None) -> str | None:
    return reference.id if isinstance(reference, Expanded) else reference


TRANSLATORS: Mapping[str, Callable[[Event], PaymentEvent]] = {
    "checkout.session.completed": _paid_or_waiting,
    "checkout.session.async_payment_succeeded": _session_paid,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_expired,
    "payment_intent.payment_failed": _declined,
    "charge.refunded": _charge_refunded,
    "refund.updated": _refund_changed,
    "refund.failed": _refund_changed,
    "charge.dispute.created": _disputed,
    "charge.dispute.updated": _disputed,
    "charge.dispute.closed": _disputed,
}
"""The event types we use: subscribe the endpoint to exactly these."""


def read(body: bytes, header: str | None, *, secrets: Sequence[str], now: float, livemode: bool) -> Delivery:
    """What a delivery says, once it is proved to be Stripe's; raises WebhookError. `now` is in seconds since 1970."""
    secret_index, signed_at = signature.verify(body, header, secrets=secrets, now=now)
    return Delivery(translate(body, livemode=livemode), secret_index, signed_at)


def translate(body: bytes, *, livemode: bool) -> PaymentEvent | Ignored:
    """A trusted event in our words; raises InvalidPayloadError."""
    try:
        event = decode_event(body)
        if event.livemode is not livemode:
            return Ignored(event.id, event.type, event.created, Outcome.WRONG_MODE)
        translator = TRANSLATORS.get(event.type)
        if translator is None:
            return Ignored(event.id, event.type, event.created, Outcome.IGNORED)
        found = translator(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayloadError(f"not a snapshot event that we can read: {_without_values(error)}") from None
    if found.fact is Fact.REFUNDED and not found.amount_refunded:
        return Ignored(event.id, event.type, event.created, Outcome.IGNORED)
    return found


def _without_values(error: Exception) -> str:
    """What is wrong and where; msgspec repeats a value that is none of an enum's, which may be anything."""
    what, at, where = str(error).rpartition(" - at ")
    return f"Invalid enum value{at}{where}" if what.startswith("Invalid enum value") else str(error)
