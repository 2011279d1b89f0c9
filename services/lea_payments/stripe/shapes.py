"""The parts of Stripe's objects that we read, as types; a field that is not here is never looked at."""

from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=99_999_999_999)]
OurId = Annotated[str, msgspec.Meta(max_length=500)]
Metadata = dict[str, OurId]
"""Values of metadata have 500 characters at most (docs.stripe.com/api/metadata)."""


class Data(msgspec.Struct):
    """The object that an event is about, as it came; its own type is read once the event's is known."""

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
    """An object that stands where its id could."""

    id: Id


Reference = Id | Expanded | None


def our_id(client_reference_id: str | None, metadata: Metadata | None) -> str | None:
    """The payment that an object names, by the reference or else the metadata that checkout has set on it."""
    return client_reference_id or (metadata or {}).get("payment_intent_id") or None


class SessionObject(msgspec.Struct):
    """A Checkout Session; `amount_total` is in minor units of its own `currency`, whatever the buyer was shown."""

    id: Id
    object: Literal["checkout.session"]
    payment_status: Literal["paid", "unpaid", "no_payment_required"]
    created: int | None = None
    amount_total: Amount | None = None
    currency: str | None = None
    client_reference_id: OurId | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class PaymentError(msgspec.Struct):
    """Why a PaymentIntent failed."""

    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct):
    """A PaymentIntent; its metadata is what checkout set on it, never the session's."""

    id: Id
    object: Literal["payment_intent"]
    last_payment_error: PaymentError | None = None
    metadata: Metadata | None = None


class Charge(msgspec.Struct):
    """A charge; it carries its PaymentIntent's metadata. `amount_refunded` is the sum so far, in minor units."""

    id: Id
    object: Literal["charge"]
    amount_refunded: Amount
    payment_intent: Reference = None
    metadata: Metadata | None = None


class Refund(msgspec.Struct):
    """A refund; `amount` is its own, in minor units, and its metadata is not the payment's."""

    id: Id
    object: Literal["refund"]
    amount: Amount
    status: str | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None


class DisputeObject(msgspec.Struct):
    """A dispute; only `payment_intent` leads from it to a payment."""

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
