"""Derives the event that Stripe should have sent from the current state of a Checkout Session."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.shapes import PAYMENT_MODES, Id, Metadata, PaymentIntent, Seconds, ShortText, payment_id_of

ENDED = ("requires_payment_method", "canceled")
"""The statuses of a PaymentIntent that mean, once its session is complete, that no money will arrive."""


class ListedIntent(PaymentIntent):
    """A PaymentIntent that is expanded in its session."""

    status: str = ""


class ListedSession(msgspec.Struct):
    """A session in one of Stripe's lists, with its PaymentIntent expanded; `created` is in seconds since 1970."""

    id: Id
    object: Literal["checkout.session"]
    created: Seconds
    livemode: bool
    status: str | None
    payment_status: str | None
    mode: str | None = None
    client_reference_id: ShortText | None = None
    metadata: Metadata | None = None
    payment_intent: Id | ListedIntent | None = None

    @property
    def payment_id(self) -> str | None:
        """The payment's id, if the session has it."""
        return payment_id_of(self.client_reference_id, self.metadata)

    @property
    def intent_id(self) -> str | None:
        """The id of the PaymentIntent, if there is one."""
        return self.payment_intent.id if isinstance(self.payment_intent, ListedIntent) else self.payment_intent


_decode = msgspec.json.Decoder(ListedSession).decode


def session_of(raw: msgspec.Raw) -> ListedSession:
    """Decodes one session of a list; raises InvalidPayloadError."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayloadError(f"not a readable Checkout Session: {type(error).__name__}") from None


def event_of(raw: msgspec.Raw, session: ListedSession, *, livemode: bool) -> PaymentEvent | Ignored | None:
    """The event for the session's state; None while nothing has happened. Raises InvalidPayloadError.

    Its id is derived from the session's, so a second comparison gives the same event, which is then a duplicate.
    """
    event_type = _event_type(session)
    if event_type is not None:
        event_id = f"sweep_{event_type.removeprefix('checkout.session.')}_{session.id}"
        return event_for_object(event_id, event_type, session, raw, livemode=livemode)
    intent = session.payment_intent
    if session.status != "open" or session.mode not in PAYMENT_MODES:
        return None
    if not isinstance(intent, ListedIntent) or intent.last_payment_error is None:
        return None
    raw_intent = msgspec.Raw(msgspec.json.encode(intent))
    event = event_for_object("sweep", "payment_intent.payment_failed", session, raw_intent, livemode=livemode)
    if isinstance(event, Ignored):
        return event
    return replace(event, id=f"sweep_{event.reason}_{intent.id}", payment_id=event.payment_id or session.payment_id)


def _event_type(session: ListedSession) -> str | None:
    """The type of the event after which a session is in this state."""
    if session.status == "expired":
        return "checkout.session.expired"
    if session.status != "complete":
        return None
    intent = session.payment_intent
    if session.payment_status == "unpaid" and isinstance(intent, ListedIntent) and intent.status in ENDED:
        return "checkout.session.async_payment_failed"
    return "checkout.session.completed"


def event_for_object(
    event_id: str, event_type: str, session: ListedSession, stripe_object: msgspec.Raw, *, livemode: bool
) -> PaymentEvent | Ignored:
    """An event about this object, with the creation time of the session; raises InvalidPayloadError."""
    body = {
        "id": event_id,
        "object": "event",
        "type": event_type,
        "created": session.created,
        "livemode": session.livemode,
        "data": {"object": stripe_object},
    }
    return events.translate(msgspec.json.encode(body), livemode=livemode)
