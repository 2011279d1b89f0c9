"""Adds to a fact about one of Stripe's objects the object's references to a payment."""

from typing import Any, NamedTuple

import msgspec

from lea_payments.payment.facts import Fact
from lea_payments.stripe.shapes import (
    MAX_SECONDS,
    AnyMetadata,
    SessionObject,
    is_code,
    metadata_text,
    whole_number,
)


class ObjectFact(msgspec.Struct, frozen=True, gc=False):
    """A fact about one object, with the object's references to a payment. Times are in seconds since 1970."""

    object_id: str
    fact: Fact
    payment_ids: tuple[str, ...]
    intent_ids: tuple[str, ...]
    session_id: str | None = None
    created: int | None = None
    traceparent: str | None = None
    currency: str | None = None


class NoFact(NamedTuple):
    """An object that says nothing about a payment, and why."""

    reason: str


def of_session(session: SessionObject, object_id: str, fact: Fact, intent_id: str | None) -> ObjectFact:
    """The fact about a session, or about its PaymentIntent, with the references of the session."""
    payment_ids, intent_ids = references(session.metadata, intent_id, session.client_reference_id)
    created, traceparent = whole_number(session.created, MAX_SECONDS), metadata_text(session.metadata, "traceparent")
    return ObjectFact(object_id, fact, payment_ids, intent_ids, session.id, created, traceparent)


def of_intent(
    object_id: str | None, fact: Fact, intent_id: str | None, metadata: AnyMetadata, created: Any, currency: Any = None
) -> ObjectFact:
    """The fact about an object that refers to a payment by its PaymentIntent and its metadata."""
    payment_ids, intent_ids = references(metadata, intent_id)
    # Old API versions have disputes without an id: one for each PaymentIntent is the best that can be known.
    object_id = object_id or f"{fact.kind}:{intent_id or ''}"
    created, traceparent = whole_number(created, MAX_SECONDS), metadata_text(metadata, "traceparent")
    currency = currency if is_code(currency) else None
    return ObjectFact(object_id, fact, payment_ids, intent_ids, None, created, traceparent, currency)


def references(
    metadata: AnyMetadata, intent_id: str | None, client_reference_id: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The possible ids of the payment and of its PaymentIntent, in the order in which they are tried.

    Other systems write Stripe's PaymentIntent into metadata of this name, so a value `pi_…` counts as one.
    """
    payment_id = metadata_text(metadata, "payment_intent_id") or None
    intents = (intent_id,) if intent_id else ()
    if payment_id and payment_id.startswith("pi_"):
        intents = (*intents, payment_id) if payment_id != intent_id else intents
        payment_id = None
    if not client_reference_id or client_reference_id == payment_id:
        return (payment_id,) if payment_id else (), intents
    return (client_reference_id, payment_id) if payment_id else (client_reference_id,), intents
