"""Defines the fields of Stripe's objects that the services read, as types; all other fields are ignored."""

import json
from typing import Annotated, Any, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=99_999_999_999)]
ShortText = Annotated[str, msgspec.Meta(max_length=500)]


class Metadata(msgspec.Struct):
    """The metadata that checkout sets; a value has at most 500 characters (docs.stripe.com/api/metadata)."""

    payment_intent_id: ShortText | None = None
    attempt: ShortText | None = None
    traceparent: ShortText | None = None


class Data(msgspec.Struct):
    """The object of an event, undecoded: the event's type decides how to decode it."""

    object: msgspec.Raw


class Event(msgspec.Struct):
    """A snapshot event (docs.stripe.com/api/events/object); `created` is in seconds since 1970.

    `account` (Connect) and `context` (organizations) name the account of the event; most events have neither.
    """

    id: Id
    object: Literal["event"]
    type: Id
    created: Seconds
    livemode: bool
    data: Data
    account: Any = None
    context: Any = None


class ThinEvent(msgspec.Struct):
    """A thin event (docs.stripe.com/event-destinations): it names an object but does not contain it."""

    id: Id
    object: Literal["v2.core.event"]
    type: Id


class Expanded(msgspec.Struct):
    """An expanded object in a field that otherwise holds its id."""

    id: Id


Reference = Id | Expanded | None

PAYMENT_MODES = ("payment", None)
"""The modes of sessions that collect a payment once; the others save a card or start a subscription."""


class PaymentError(msgspec.Struct):
    """Why a PaymentIntent failed."""

    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct):
    """A PaymentIntent; Stripe does not copy the session's metadata to it, so checkout sets both."""

    id: Id
    object: Literal["payment_intent"]
    status: str | None = None
    last_payment_error: PaymentError | None = None
    metadata: Metadata | None = None
    created: int | None = None


class SessionObject(msgspec.Struct):
    """A Checkout Session; `amount_total` is in minor units of `currency`, not of the currency the customer saw."""

    id: Id
    object: Literal["checkout.session"]
    mode: str | None = None
    status: str | None = None
    payment_status: str | None = None
    amount_total: Amount | None = None
    currency: str | None = None
    created: int | None = None
    client_reference_id: ShortText | None = None
    payment_intent: Id | PaymentIntent | None = None
    metadata: Metadata | None = None


class Charge(msgspec.Struct):
    """A charge, with its PaymentIntent's metadata; `amount_refunded` is the total so far, in minor units."""

    object: Literal["charge"]
    amount_refunded: Amount
    id: Id | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None
    created: int | None = None


class Refund(msgspec.Struct):
    """A refund; `amount` is this refund's alone, in minor units, and its metadata is not the payment's."""

    object: Literal["refund"]
    amount: Amount
    id: Id | None = None
    status: str | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None
    created: int | None = None


class EvidenceDetails(msgspec.Struct):
    """When the evidence of a dispute is due, in seconds since 1970."""

    due_by: int | None = None


class DisputeObject(msgspec.Struct):
    """A dispute; `payment_intent` is its only reference to a payment."""

    object: Literal["dispute"]
    status: str
    id: Id | None = None
    amount: Amount | None = None
    payment_intent: Reference = None
    evidence_details: EvidenceDetails | None = None
    metadata: Metadata | None = None
    created: int | None = None


class FraudWarning(msgspec.Struct):
    """An early fraud warning (docs.stripe.com/api/radar/early_fraud_warnings); it has no metadata."""

    id: Id
    object: Literal["radar.early_fraud_warning"]
    actionable: bool
    payment_intent: Reference = None
    created: int | None = None


_decode_snapshot = msgspec.json.Decoder(Event).decode
_decode_thin = msgspec.json.Decoder(ThinEvent).decode
decode_session = msgspec.json.Decoder(SessionObject).decode
decode_intent = msgspec.json.Decoder(PaymentIntent).decode
decode_charge = msgspec.json.Decoder(Charge).decode
decode_refund = msgspec.json.Decoder(Refund).decode
decode_dispute = msgspec.json.Decoder(DisputeObject).decode
decode_warning = msgspec.json.Decoder(FraudWarning).decode


def decode_event(body: bytes) -> Event | ThinEvent:
    """Decodes an event; raises MsgspecError, UnicodeDecodeError or RecursionError."""
    try:
        return _decode_snapshot(body)
    except msgspec.ValidationError:
        thin = _thin_event(body)
        if thin is None:
            raise
        return thin
    except msgspec.DecodeError:
        return _decode_snapshot(without_lone_surrogates(body))


def _thin_event(body: bytes) -> ThinEvent | None:
    try:
        return _decode_thin(body)
    except msgspec.ValidationError:
        return None


def without_lone_surrogates(body: bytes) -> bytes:
    """The same JSON with `?` for each lone surrogate, which msgspec rejects in any field; other text is unchanged."""
    if b"\\ud" not in body.lower():
        return body
    try:
        return json.dumps(json.loads(body.decode()), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return body
