"""Verifies Stripe's deliveries and translates their events into PaymentEvents; performs no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.stripe import facts, signature
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.facts import FACT_OF
from lea_payments.stripe.shapes import Event, ThinEvent, decode_event
from lea_payments.stripe.translation.charges import SUCCEEDED_EVENT
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact

WEBHOOK_PATH = "/webhook/stripe"
"""The path to which Stripe delivers events."""

OTHER_TYPE = "other"
"""The metric label of all event types that the services do not use, so that a sender cannot create label values."""

EVENT_TYPES: Mapping[str, str] = {
    "checkout.session.completed": facts.SESSION,
    "checkout.session.async_payment_succeeded": facts.SESSION,
    "checkout.session.async_payment_failed": facts.SESSION,
    "checkout.session.expired": facts.SESSION,
    "payment_intent.payment_failed": facts.INTENT,
    "refund.created": facts.REFUND,
    "refund.updated": facts.REFUND,
    "refund.failed": facts.REFUND,
    "charge.refunded": facts.CHARGE,
    "charge.dispute.created": facts.DISPUTE,
    "charge.dispute.updated": facts.DISPUTE,
    "charge.dispute.closed": facts.DISPUTE,
    "radar.early_fraud_warning.created": facts.WARNING,
    "radar.early_fraud_warning.updated": facts.WARNING,
    SUCCEEDED_EVENT: facts.CHARGE,
}
"""The event types that the services use, with the object that each contains."""

OPTIONAL_EVENT_TYPES = (SUCCEEDED_EVENT,)
"""What an endpoint can also be subscribed to: then the pages show how the customer paid."""

REQUIRED_EVENT_TYPES = tuple(name for name in EVENT_TYPES if name not in OPTIONAL_EVENT_TYPES)
"""What the endpoint must be subscribed to."""


class Ignored(NamedTuple):
    """A verified event that is not applied; `outcome` and `reason` say why. `created` of a thin event is None."""

    id: str
    type: str
    created: int | None
    outcome: Outcome
    reason: str


class VerifiedDelivery(msgspec.Struct, frozen=True, gc=False):
    """A verified delivery. `secret_index` 0 is the current secret; `signed_at` is in seconds since 1970."""

    event: PaymentEvent | Ignored
    secret_index: int
    signed_at: int


def read(
    body: bytes, header: str | None, *, secrets: Sequence[str], now: float, livemode: bool, account: str = ""
) -> VerifiedDelivery:
    """Verifies and translates a delivery; raises WebhookError. `now` is in seconds since 1970."""
    secret_index, signed_at = signature.verify(body, header, secrets=secrets, now=now)
    return VerifiedDelivery(translate(body, livemode=livemode, account=account), secret_index, signed_at)


def translate(body: bytes, *, livemode: bool, account: str = "") -> PaymentEvent | Ignored:
    """Translates an event that is known to be from Stripe; raises InvalidPayloadError.

    An event that names an account is ours only if it names `account`. That comes before the mode: Stripe sends test
    events of connected accounts to live endpoints as well (docs.stripe.com/connect/webhooks).
    """
    try:
        event = decode_event(body)
        if isinstance(event, ThinEvent):
            return Ignored(event.id, event.type, None, Outcome.IGNORED, "thin_payload")
        if event.account not in (None, account) or event.context not in (None, account):
            return _ignored(event, "other_account")
        if event.livemode is not livemode:
            return _ignored(event, "other_mode", Outcome.WRONG_MODE)
        object_type = EVENT_TYPES.get(event.type)
        if object_type is None:
            return _ignored(event, "unused_type")
        found = FACT_OF[object_type](event.data.object, event.type)
        if isinstance(found, NoFact):
            return _ignored(event, found.reason)
        return payment_event(event.id, event.type, event.created, found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPayloadError(f"not a readable snapshot event: {_without_values(error)}") from None


def payment_event(event_id: str, event_type: str, created: int, found: ObjectFact) -> PaymentEvent:
    """The event that reports this fact."""
    return PaymentEvent(
        id=event_id,
        type=event_type,
        created=created,
        object_id=found.object_id,
        fact=found.fact,
        payment_ids=found.payment_ids,
        session_id=found.session_id,
        intent_ids=found.intent_ids,
        session_created=found.created if found.session_id else None,
        traceparent=found.traceparent,
        currency=found.currency,
    )


def _ignored(event: Event[Any], reason: str, outcome: Outcome = Outcome.IGNORED) -> Ignored:
    return Ignored(event.id, event.type, event.created, outcome, reason)


def _without_values(error: Exception) -> str:
    """The problem and its place, without the unknown enum value that msgspec quotes: it can be personal data."""
    problem, at, path = str(error).rpartition(" - at ")
    return f"Invalid enum value{at}{path}" if problem.startswith("Invalid enum value") else str(error)
