"""Defines the fields of Stripe's objects that the services read, as types; all other fields are ignored."""

from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=99_999_999_999)]
ShortText = Annotated[str, msgspec.Meta(max_length=500)]
Metadata = dict[str, ShortText]
"""Metadata values have at most 500 characters (docs.stripe.com/api/metadata)."""


class Data(msgspec.Struct):
    """The object of an event, undecoded: the event's type decides how to decode it."""

    object: msgspec.Raw


class Event(msgspec.Struct):
    """A snapshot event (docs.stripe.com/api/events/object); `created` is in seconds since 1970."""

    id: Id
    object: Literal["event"]
    type: Id
    created: Seconds
    livemode: bool
    data: Data


class Expanded(msgspec.Struct):
    """An expanded object in a field that otherwise holds its id."""

    id: Id


Reference = Id | Expanded | None


def payment_id_of(client_reference_id: str | None, metadata: Metadata | None) -> str | None:
    """The payment's id from the reference, or else from the metadata, which checkout sets."""
    return client_reference_id or (metadata or {}).get("payment_intent_id") or None


class SessionObject(msgspec.Struct):
    """A Checkout Session; `amount_total` is in minor units of `currency`, not of the currency shown to the customer."""

    id: Id
    object: Literal["checkout.session"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    created: int | None = None
    amount_total: Amount | None = None
    currency: str | None = None
    client_reference_id: ShortText | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class PaymentError(msgspec.Struct):
    """Why a PaymentIntent failed."""

    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct):
    """A PaymentIntent; Stripe does not copy the session's metadata to it, so checkout sets both."""

    id: Id
    object: Literal["payment_intent"]
    last_payment_error: PaymentError | None = None
    metadata: Metadata | None = None


class Charge(msgspec.Struct):
    """A charge, with its PaymentIntent's metadata; `amount_refunded` is the total so far, in minor units."""

    id: Id
    object: Literal["charge"]
    amount_refunded: Amount
    payment_intent: Reference = None
    metadata: Metadata | None = None


class Refund(msgspec.Struct):
    """A refund; `amount` is this refund's alone, in minor units, and its metadata is not the payment's."""

    id: Id
    object: Literal["refund"]
    amount: Amount
    status: str | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class DisputeObject(msgspec.Struct):
    """A dispute; `payment_intent` is its only reference to a payment."""

    id: Id
    object: Literal["dispute"]
    status: str
    payment_intent: Reference = None
    metadata: Metadata | None = None


decode_event = msgspec.json.Decoder(Event).decode
decode_session = msgspec.json.Decoder(SessionObject).decode
decode_intent = msgspec.json.Decoder(PaymentIntent).decode
decode_charge = msgspec.json.Decoder(Charge).decode
decode_refund = msgspec.json.Decoder(Refund).decode
decode_dispute = msgspec.json.Decoder(DisputeObject).decode
