"""Verifies Stripe's deliveries and translates their events into PaymentEvents; performs no I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Dispute
from lea_payments.stripe import signature
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.shapes import (
    PAYMENT_MODES,
    CompletedSession,
    Event,
    Expanded,
    Metadata,
    PaymentError,
    SessionObject,
    ThinEvent,
    decode_charge,
    decode_completed_session,
    decode_dispute,
    decode_event,
    decode_intent,
    decode_refund,
    decode_session,
    payment_id_of,
)

WEBHOOK_PATH = "/webhook/stripe"
"""The path to which Stripe delivers events."""

OTHER_TYPE = "other"
"""The metric label of all event types that the services do not use, so that a sender cannot create label values."""

_NO_METADATA = Metadata()

_CODE = re.compile("[a-z][a-z0-9_]{0,49}")
"""The format of Stripe's codes. Reasons are published and logged, so no other text becomes a reason."""


class Ignored(NamedTuple):
    """A verified event that is not applied; `outcome` and `reason` say why. `created` of a thin event is None."""

    id: str
    type: str
    created: int | None
    outcome: Outcome
    reason: str


class VerifiedDelivery(NamedTuple):
    """A verified delivery. `secret_index` 0 is the current secret; `signed_at` is in seconds since 1970."""

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
"""The dispute statuses of the API reference; a status that is not listed here counts as open."""


_COMPLETED: Mapping[str | None, Fact] = {
    "paid": Fact.PAID,
    "no_payment_required": Fact.PAID,
    "unpaid": Fact.AWAITING_FUNDS,
}
"""The payment statuses of the API reference; with any other, it is unknown whether a completed session is paid."""


def _session_completed(event: Event) -> PaymentEvent | Ignored:
    session = decode_completed_session(event.data.object)
    return _completed_session_event(event, session, _COMPLETED.get(session.payment_status))


def _async_payment_succeeded(event: Event) -> PaymentEvent | Ignored:
    session = decode_completed_session(event.data.object)
    return _completed_session_event(event, session, Fact.PAID if session.payment_status in _COMPLETED else None)


def _session_expired(event: Event) -> PaymentEvent | Ignored:
    return _session_event(event, decode_session(event.data.object), Fact.SESSION_EXPIRED)


def _async_payment_failed(event: Event) -> PaymentEvent | Ignored:
    return _session_event(event, decode_session(event.data.object), Fact.ASYNC_FAILED)


def _completed_session_event(event: Event, session: CompletedSession, fact: Fact | None) -> PaymentEvent | Ignored:
    if fact is None:
        return _ignored(event, _with_code("unknown_payment_status", session.payment_status))
    return _session_event(event, session, fact, session.amount_total, session.currency)


def _session_event(
    event: Event, session: SessionObject, fact: Fact, amount: int | None = None, currency: str | None = None
) -> PaymentEvent | Ignored:
    if session.mode not in PAYMENT_MODES:
        return _ignored(event, _with_code("session_mode", session.mode))
    metadata = session.metadata or _NO_METADATA
    return PaymentEvent(
        id=event.id,
        type=event.type,
        created=event.created,
        fact=fact,
        payment_id=payment_id_of(session.client_reference_id, metadata),
        session_id=session.id,
        session_created=session.created,
        stripe_payment_intent=_id_of(session.payment_intent),
        amount=amount,
        currency=currency,
        traceparent=metadata.traceparent,
    )


def _payment_failed(event: Event) -> PaymentEvent:
    intent = decode_intent(event.data.object)
    error = intent.last_payment_error or PaymentError()
    codes = [code for code in (error.code, error.decline_code) if code and _CODE.fullmatch(code)]
    return _intent_event(event, Fact.DECLINED, intent.id, intent.metadata, reason=":".join(codes) or "unknown")


def _charge_refunded(event: Event) -> PaymentEvent | Ignored:
    charge = decode_charge(event.data.object)
    if not charge.amount_refunded:
        return _ignored(event, "nothing_refunded")
    return _intent_event(
        event,
        Fact.REFUNDED,
        _id_of(charge.payment_intent),
        charge.metadata,
        amount_refunded=charge.amount_refunded,
    )


def _refund_changed(event: Event) -> PaymentEvent | Ignored:
    refund = decode_refund(event.data.object)
    failed = event.type == "refund.failed" or refund.status in ("failed", "canceled")
    if not failed and not refund.amount:
        return _ignored(event, "nothing_refunded")
    fact = Fact.REFUND_FAILED if failed else Fact.REFUNDED
    return _intent_event(event, fact, _id_of(refund.payment_intent), refund.metadata, amount_refunded=refund.amount)


def _dispute_changed(event: Event) -> PaymentEvent:
    dispute = decode_dispute(event.data.object)
    stage = _DISPUTES.get(dispute.status, Dispute.OPEN)
    return _intent_event(event, Fact.DISPUTED, _id_of(dispute.payment_intent), dispute.metadata, dispute=stage)


def _intent_event(
    event: Event,
    fact: Fact,
    intent: str | None,
    metadata: Metadata | None,
    *,
    reason: str | None = None,
    amount_refunded: int = 0,
    dispute: Dispute = Dispute.NONE,
) -> PaymentEvent:
    metadata = metadata or _NO_METADATA
    return PaymentEvent(
        id=event.id,
        type=event.type,
        created=event.created,
        fact=fact,
        payment_id=payment_id_of(None, metadata),
        stripe_payment_intent=intent,
        reason=reason,
        amount_refunded=amount_refunded,
        dispute=dispute,
        traceparent=metadata.traceparent,
    )


def _id_of(reference: str | Expanded | None) -> str | None:
    return reference.id if isinstance(reference, Expanded) else reference


def _ignored(event: Event, reason: str, outcome: Outcome = Outcome.IGNORED) -> Ignored:
    return Ignored(event.id, event.type, event.created, outcome, reason)


def _with_code(reason: str, code: str | None) -> str:
    return f"{reason}:{code}" if code and _CODE.fullmatch(code) else reason


TRANSLATORS: Mapping[str, Callable[[Event], PaymentEvent | Ignored]] = {
    "checkout.session.completed": _session_completed,
    "checkout.session.async_payment_succeeded": _async_payment_succeeded,
    "checkout.session.async_payment_failed": _async_payment_failed,
    "checkout.session.expired": _session_expired,
    "payment_intent.payment_failed": _payment_failed,
    "charge.refunded": _charge_refunded,
    "refund.updated": _refund_changed,
    "refund.failed": _refund_changed,
    "charge.dispute.created": _dispute_changed,
    "charge.dispute.updated": _dispute_changed,
    "charge.dispute.closed": _dispute_changed,
}
"""The event types that the services use: subscribe the endpoint to exactly these."""


def read(
    body: bytes, header: str | None, *, secrets: Sequence[str], now: float, livemode: bool, account: str = ""
) -> VerifiedDelivery:
    """Verifies and translates a delivery; raises WebhookError. `now` is in seconds since 1970."""
    secret_index, signed_at = signature.verify(body, header, secrets=secrets, now=now)
    return VerifiedDelivery(translate(body, livemode=livemode, account=account), secret_index, signed_at)


def translate(body: bytes, *, livemode: bool, account: str = "") -> PaymentEvent | Ignored:
    """Translates an event that is known to be from Stripe; raises InvalidPayloadError.

    An event that names an account is ours only if it names `account`.
    """
    try:
        event = decode_event(body)
        if isinstance(event, ThinEvent):
            return Ignored(event.id, event.type, None, Outcome.IGNORED, "thin_payload")
        if event.livemode is not livemode:
            return _ignored(event, "other_mode", Outcome.WRONG_MODE)
        if event.account not in (None, account) or event.context not in (None, account):
            return _ignored(event, "other_account")
        translator = TRANSLATORS.get(event.type)
        return _ignored(event, "unused_type") if translator is None else translator(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayloadError(f"not a readable snapshot event: {_without_values(error)}") from None


def _without_values(error: Exception) -> str:
    """The problem and its place, without the unknown enum value that msgspec quotes: it can be personal data."""
    problem, at, path = str(error).rpartition(" - at ")
    return f"Invalid enum value{at}{path}" if problem.startswith("Invalid enum value") else str(error)
