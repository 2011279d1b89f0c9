"""A Checkout Session as it stands at Stripe, told as the event that Stripe should have sent; pure.

The event goes through the same translation as a delivery of Stripe's. Its id is made of the session's, so that a
second look makes the same event, and the real one, should it still come, finds its work done.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.shapes import Id, Metadata, OurId, PaymentIntent, Seconds, our_id

ENDED = ("requires_payment_method", "canceled")
"""The statuses of a PaymentIntent whose money will not come, once its session is complete."""


class SweptIntent(PaymentIntent):
    """A PaymentIntent inside its session."""

    status: str = ""


class SweptSession(msgspec.Struct):
    """A session as a list of Stripe's shows it, its PaymentIntent expanded; `created` is in seconds since 1970."""

    id: Id
    object: Literal["checkout.session"]
    created: Seconds
    livemode: bool
    status: str | None
    payment_status: str
    client_reference_id: OurId | None = None
    metadata: Metadata | None = None
    payment_intent: Id | SweptIntent | None = None

    @property
    def payment_id(self) -> str | None:
        """Our own id, where the session carries it."""
        return our_id(self.client_reference_id, self.metadata)

    @property
    def intent_id(self) -> str | None:
        """Stripe's PaymentIntent, once there is one."""
        return self.payment_intent.id if isinstance(self.payment_intent, SweptIntent) else self.payment_intent


_decode = msgspec.json.Decoder(SweptSession).decode


def session_of(raw: msgspec.Raw) -> SweptSession:
    """One session of a list; raises InvalidPayloadError."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayloadError(f"not a Checkout Session that we can read: {type(error).__name__}") from None


def event_of(raw: msgspec.Raw, session: SweptSession, *, livemode: bool) -> PaymentEvent | Ignored | None:
    """What the session has to tell of its payment; None while there is no news. Raises InvalidPayloadError."""
    event_type = _type_of(session)
    if event_type is not None:
        event_id = f"sweep_{event_type.removeprefix('checkout.session.')}_{session.id}"
        return as_event(event_id, event_type, session, raw, livemode=livemode)
    intent = session.payment_intent
    if session.status != "open" or not isinstance(intent, SweptIntent) or intent.last_payment_error is None:
        return None
    declined = msgspec.Raw(msgspec.json.encode(intent))
    event = as_event("sweep", "payment_intent.payment_failed", session, declined, livemode=livemode)
    if isinstance(event, Ignored):
        return event
    return replace(event, id=f"sweep_{event.reason}_{intent.id}", payment_id=event.payment_id or session.payment_id)


def _type_of(session: SweptSession) -> str | None:
    """Which event of Stripe's leaves a session as this one is."""
    if session.status == "expired":
        return "checkout.session.expired"
    if session.status != "complete":
        return None
    intent = session.payment_intent
    if session.payment_status == "unpaid" and isinstance(intent, SweptIntent) and intent.status in ENDED:
        return "checkout.session.async_payment_failed"
    return "checkout.session.completed"


def as_event(
    event_id: str, event_type: str, session: SweptSession, about: msgspec.Raw, *, livemode: bool
) -> PaymentEvent | Ignored:
    """An object of Stripe's told as an event about it, as old as its session; raises InvalidPayloadError."""
    body = {
        "id": event_id,
        "object": "event",
        "type": event_type,
        "created": session.created,
        "livemode": session.livemode,
        "data": {"object": about},
    }
    return stripe_events.translate(msgspec.json.encode(body), livemode=livemode)
