"""Defines the fields of Stripe's objects that the services read, as types; all other fields are ignored."""

import json
import re
from contextlib import suppress
from typing import Annotated, Any, Generic, Literal, TypeGuard, TypeVar

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
MAX_AMOUNT, MAX_SECONDS, MAX_TEXT = 999_999_999_999, 99_999_999_999, 500
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_SECONDS)]
ShortText = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]

ObjectT = TypeVar("ObjectT")

_ATTEMPT = re.compile("[1-9][0-9]{0,5}")
_CODE = re.compile("[a-z][a-z0-9_]{0,49}")
"""The format of Stripe's codes. Reasons and states are published and logged, so no other text becomes one."""


class Metadata(msgspec.Struct):
    """The metadata that checkout sets. Other systems write to it too, so its values can be anything."""

    payment_intent_id: Any = None
    attempt: Any = None
    traceparent: Any = None


AnyMetadata = Metadata | list[Any] | str | float | bool | None


class Data(msgspec.Struct, Generic[ObjectT]):
    """The object of an event, `msgspec.Raw` if it is undecoded: the event's type decides how to decode it."""

    object: ObjectT


class Event(msgspec.Struct, Generic[ObjectT]):
    """A snapshot event (docs.stripe.com/api/events/object); `created` is in seconds since 1970.

    `account` (Connect) and `context` (organizations) name the account of the event; most events have neither.
    """

    id: Id
    object: Literal["event"]
    type: Id
    created: Seconds
    livemode: bool
    data: Data[ObjectT]
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

    code: Any = None
    decline_code: Any = None


class PaymentIntent(msgspec.Struct):
    """A PaymentIntent; Stripe does not copy the session's metadata to it, so checkout sets both."""

    id: Id
    object: Literal["payment_intent"]
    status: str | None = None
    last_payment_error: PaymentError | None = None
    metadata: AnyMetadata = None
    created: Any = None


class Money(msgspec.Struct):
    """What a session collected, in minor units of `currency`, not of the currency the customer saw."""

    amount_total: Amount | None = None
    currency: ShortText | None = None


class SessionObject(msgspec.Struct):
    """A Checkout Session. Its `Money` is decoded only where it counts: a session without money can have any."""

    id: Id
    object: Literal["checkout.session"]
    mode: str | None = None
    status: Any = None
    payment_status: Any = None
    amount_total: Any = None
    currency: Any = None
    created: Any = None
    client_reference_id: ShortText | None = None
    payment_intent: Id | PaymentIntent | None = None
    metadata: AnyMetadata = None


class Charge(msgspec.Struct):
    """A charge, with its PaymentIntent's metadata; `amount_refunded` is the total so far, in minor units."""

    object: Literal["charge"]
    amount_refunded: Amount
    id: Id | None = None
    status: Any = None
    payment_method_details: Any = None
    payment_intent: Reference = None
    metadata: AnyMetadata = None
    created: Any = None
    currency: Any = None


class Refund(msgspec.Struct):
    """A refund; `amount` is this refund's alone, in minor units, and its metadata is not the payment's."""

    object: Literal["refund"]
    amount: Amount
    id: Id | None = None
    status: str | None = None
    payment_intent: Reference = None
    metadata: AnyMetadata = None
    created: Any = None
    currency: Any = None


class EvidenceDetails(msgspec.Struct):
    """When the evidence of a dispute is due, in seconds since 1970."""

    due_by: Any = None


class DisputeObject(msgspec.Struct):
    """A dispute; `payment_intent` is its only reference to a payment."""

    object: Literal["dispute"]
    status: str
    id: Id | None = None
    amount: Any = None
    payment_intent: Reference = None
    evidence_details: EvidenceDetails | None = None
    metadata: AnyMetadata = None
    created: Any = None
    currency: Any = None


class FraudWarning(msgspec.Struct):
    """An early fraud warning (docs.stripe.com/api/radar/early_fraud_warnings); it has no metadata."""

    id: Id
    object: Literal["radar.early_fraud_warning"]
    actionable: bool
    payment_intent: Reference = None
    created: Any = None


_decode_snapshot = msgspec.json.Decoder(Event[msgspec.Raw]).decode
_decode_session_event = msgspec.json.Decoder(Event[SessionObject]).decode
_decode_thin = msgspec.json.Decoder(ThinEvent).decode
decode_session = msgspec.json.Decoder(SessionObject).decode
decode_intent = msgspec.json.Decoder(PaymentIntent).decode
decode_charge = msgspec.json.Decoder(Charge).decode
decode_refund = msgspec.json.Decoder(Refund).decode
decode_dispute = msgspec.json.Decoder(DisputeObject).decode
decode_warning = msgspec.json.Decoder(FraudWarning).decode


def money_of(session: SessionObject) -> Money:
    """What the session collected; raises ValidationError."""
    amount, currency = session.amount_total, session.currency
    if type(amount) is int and 0 <= amount <= MAX_AMOUNT and isinstance(currency, str) and len(currency) <= MAX_TEXT:
        return Money(amount, currency)  # nearly all; a conversion costs as much as decoding the session
    return msgspec.convert({"amount_total": amount, "currency": currency}, Money)


def decode_event(body: bytes) -> Event[SessionObject] | Event[msgspec.Raw] | ThinEvent:
    """Decodes an event; raises MsgspecError, UnicodeDecodeError or RecursionError."""
    try:  # nearly all events have a session: decoded with it, an event is read once instead of twice
        event = _decode_session_event(body)
        if event.type.startswith("checkout.session."):
            return event
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # another object, or one that is not readable, of which only the event's type says what it means
    try:
        return _decode_snapshot(body)
    except msgspec.ValidationError:
        with suppress(msgspec.ValidationError):
            return _decode_thin(body)
        raise
    except msgspec.DecodeError:
        return _decode_snapshot(without_lone_surrogates(body))


def without_lone_surrogates(body: bytes) -> bytes:
    """The same JSON with `?` for each lone surrogate, which msgspec rejects in any field; other text is unchanged."""
    if b"\\ud" not in body.lower():
        return body
    try:
        return json.dumps(json.loads(body.decode()), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return body


def metadata_text(metadata: AnyMetadata, key: str) -> str | None:
    """The metadata's value if it is a text of at most 500 characters (docs.stripe.com/api/metadata)."""
    value = getattr(metadata, key, None)
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def attempt_of(metadata: AnyMetadata) -> int | None:
    """The number of checkout's attempt, if the metadata has one."""
    text = metadata_text(metadata, "attempt")
    return int(text) if text and _ATTEMPT.fullmatch(text) else None


def id_of(reference: str | Expanded | PaymentIntent | None) -> str | None:
    """The id of an object, which can be expanded."""
    return reference if reference is None or isinstance(reference, str) else reference.id


def is_code(text: Any) -> TypeGuard[str]:
    """Whether this is text in the format of Stripe's codes."""
    return isinstance(text, str) and _CODE.fullmatch(text) is not None


def code_of(text: Any) -> str:
    """The text if it has the format of Stripe's codes."""
    return text if is_code(text) else "unknown"


def whole_number(value: Any, maximum: int) -> int | None:
    """The value if it is a whole number from 0 to the maximum; others are unknown."""
    return value if type(value) is int and 0 <= value <= maximum else None
