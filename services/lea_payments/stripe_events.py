"""A delivery of Stripe's as bytes, verified and translated into our PaymentEvent; performs no I/O of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import stripe

from lea_payments.payment import Dispute, Fact, Outcome, PaymentEvent

TOLERANCE_SECONDS = 300
"""How old, or how far in the future, a signature may be; Stripe's own default (docs.stripe.com/webhooks)."""

OTHER_TYPE = "other"
"""The event type in metrics for all that we do not use, so that a sender cannot invent label values."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an accident
    """A delivery we cannot trust or read; nothing of it is used.

    Refused
    ├── InvalidSignature
    └── InvalidPayload
    """

    outcome = "refused"


class InvalidSignature(Refused):
    """Raised when the delivery does not prove that Stripe sent it just now; `reason` is a metric label."""

    outcome = "invalid_signature"

    def __init__(self, reason: str, skew_seconds: float | None = None) -> None:
        super().__init__(f"invalid signature: {reason}")
        self.reason = reason
        self.skew_seconds = skew_seconds


class InvalidPayload(Refused):
    """Raised when a verified body is not a snapshot event that we can read; Stripe will send it again."""

    outcome = "invalid_payload"


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


SIGNATURE_REASONS = ("no_header", "no_timestamp", "no_v1", "no_match", "too_old", "in_future", "not_utf8")

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=99_999_999_999)]
OurId = Annotated[str, msgspec.Meta(max_length=500)]
Metadata = dict[str, OurId]
"""Values of metadata have 500 characters at most (docs.stripe.com/api/metadata)."""


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    id: Id
    object: Literal["event"]
    type: Id
    created: Seconds
    livemode: bool
    data: _Data


class _Expanded(msgspec.Struct):
    id: Id


Reference = Id | _Expanded | None


class _Session(msgspec.Struct):
    id: Id
    object: Literal["checkout.session"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    amount_total: Amount | None = None
    currency: str | None = None
    client_reference_id: OurId | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class _PaymentError(msgspec.Struct):
    code: str | None = None
    decline_code: str | None = None


class _PaymentIntent(msgspec.Struct):
    id: Id
    object: Literal["payment_intent"]
    last_payment_error: _PaymentError | None = None
    metadata: Metadata | None = None


class _Charge(msgspec.Struct):
    id: Id
    object: Literal["charge"]
    amount_refunded: Amount
    payment_intent: Reference = None
    metadata: Metadata | None = None


class _Refund(msgspec.Struct):
    id: Id
    object: Literal["refund"]
    amount: Amount
    status: str | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class _Dispute(msgspec.Struct):
    id: Id
    object: Literal["dispute"]
    status: str
    payment_intent: Reference = None
    metadata: Metadata | None = None


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


def _paid_or_waiting(event: _Event) -> PaymentEvent:
    session = _decode_session(event.data.object)
    return _of_session(event, session, Fact.AWAITING_FUNDS if session.payment_status == "unpaid" else Fact.PAID)


def _session_paid(event: _Event) -> PaymentEvent:
    return _of_session(event, _decode_session(event.data.object), Fact.PAID)


def _session_expired(event: _Event) -> PaymentEvent:
    return _of_session(event, _decode_session(event.data.object), Fact.SESSION_EXPIRED)


def _session_failed(event: _Event) -> PaymentEvent:
    return _of_session(event, _decode_session(event.data.object), Fact.ASYNC_FAILED)


def _of_session(event: _Event, session: _Session, fact: Fact) -> PaymentEvent:
    metadata = session.metadata or {}
    return PaymentEvent(
        id=event.id,
        type=event.type,
        created=event.created,
        fact=fact,
        payment_id=session.client_reference_id or metadata.get("payment_intent_id") or None,
        session_id=session.id,
        stripe_payment_intent=_id_of(session.payment_intent),
        amount=session.amount_total,
        currency=session.currency,
        traceparent=metadata.get("traceparent"),
    )


def _declined(event: _Event) -> PaymentEvent:
    intent = _decode_intent(event.data.object)
    error = intent.last_payment_error or _PaymentError()
    codes = [code for code in (error.code, error.decline_code) if code]
    return _of_intent(event, Fact.DECLINED, intent.id, intent.metadata, reason=":".join(codes)[:100] or "unknown")


def _charge_refunded(event: _Event) -> PaymentEvent:
    charge = _decode_charge(event.data.object)
    return _of_intent(
        event,
        Fact.REFUNDED,
        _id_of(charge.payment_intent),
        charge.metadata,
        amount_refunded=charge.amount_refunded,
    )


def _refund_changed(event: _Event) -> PaymentEvent:
    refund = _decode_refund(event.data.object)
    failed = event.type == "refund.failed" or refund.status in ("failed", "canceled")
    fact = Fact.REFUND_FAILED if failed else Fact.REFUNDED
    return _of_intent(event, fact, _id_of(refund.payment_intent), refund.metadata, amount_refunded=refund.amount)


def _disputed(event: _Event) -> PaymentEvent:
    dispute = _decode_dispute(event.data.object)
    stage = _DISPUTES.get(dispute.status, Dispute.OPEN)
    return _of_intent(event, Fact.DISPUTED, _id_of(dispute.payment_intent), dispute.metadata, dispute=stage)


def _of_intent(
    event: _Event,
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
        payment_id=metadata.get("payment_intent_id") or None,
        stripe_payment_intent=intent,
        reason=reason,
        amount_refunded=amount_refunded,
        dispute=dispute,
        traceparent=metadata.get("traceparent"),
    )


def _id_of(reference: str | _Expanded | None) -> str | None:
    return reference.id if isinstance(reference, _Expanded) else reference


TRANSLATORS: Mapping[str, Callable[[_Event], PaymentEvent]] = {
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

_decode_event = msgspec.json.Decoder(_Event).decode
_decode_session = msgspec.json.Decoder(_Session).decode
_decode_intent = msgspec.json.Decoder(_PaymentIntent).decode
_decode_charge = msgspec.json.Decoder(_Charge).decode
_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_dispute = msgspec.json.Decoder(_Dispute).decode


def read(body: bytes, header: str | None, *, secrets: Sequence[str], now: float, livemode: bool) -> Delivery:
    """What a delivery says, once it is proved to be Stripe's; raises Refused. `now` is in seconds since 1970."""
    secret_index, signed_at = verify(body, header, secrets=secrets, now=now)
    return Delivery(translate(body, livemode=livemode), secret_index, signed_at)


def translate(body: bytes, *, livemode: bool) -> PaymentEvent | Ignored:
    """A trusted event in our words; raises InvalidPayload."""
    try:
        event = _decode_event(body)
        if event.livemode is not livemode:
            return Ignored(event.id, event.type, event.created, Outcome.WRONG_MODE)
        translator = TRANSLATORS.get(event.type)
        if translator is None:
            return Ignored(event.id, event.type, event.created, Outcome.IGNORED)
        return translator(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayload(f"not a snapshot event that we can read: {error}") from None


def verify(body: bytes, header: str | None, *, secrets: Sequence[str], now: float) -> tuple[int, int]:
    """Which of the secrets signed the body, and when (seconds since 1970); raises InvalidSignature.

    The check itself is the official package's, which takes the body as text and knows nothing of a future.
    """
    if not header:
        raise InvalidSignature("no_header")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidSignature("not_utf8") from None
    for index, secret in enumerate(secrets):
        try:
            stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None)
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            continue
        return index, _within_tolerance(header, now)
    raise InvalidSignature(_reason(header))


def _within_tolerance(header: str, now: float) -> int:
    signed_at = _timestamp(header)
    if signed_at < now - TOLERANCE_SECONDS:
        raise InvalidSignature("too_old", now - signed_at)
    if signed_at > now + TOLERANCE_SECONDS:
        raise InvalidSignature("in_future", now - signed_at)
    return signed_at


def _timestamp(header: str) -> int:
    """The timestamp that was signed: the first `t=`, read just as the official check reads it.

    Read in any other way, a header with two of them could show the check an old one and us a new one.
    """
    try:
        return int(next(pair[1] for pair in _pairs(header) if pair[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise InvalidSignature("no_timestamp") from None


def _reason(header: str) -> str:
    """Why no secret fits, for people; reached only after the official check has refused."""
    _timestamp(header)
    return "no_match" if any(pair[0] == "v1" for pair in _pairs(header)) else "no_v1"


def _pairs(header: str) -> list[list[str]]:
    return [item.split("=", 2) for item in header.split(",")]
