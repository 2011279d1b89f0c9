"""Defines payment events, each a fact with references to a payment, and the outcomes of applying them."""

from enum import StrEnum

import msgspec

from lea_payments.payment.facts import Fact


class Outcome(StrEnum):
    """The result of processing a verified event. All are answered 200: sending the event again changes nothing."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    REVIEW = "review"
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    WRONG_MODE = "wrong_mode"


CHANGES = (Outcome.APPLIED, Outcome.REVIEW)
"""The outcomes of events that add something new to a payment."""


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A fact about one of Stripe's objects, from an event or from a list. Times are in seconds since 1970.

    The references are tried in this order until one leads to a record: `payment_ids`, the session, `intent_ids`.
    `currency` is that of the object's amount if the fact does not have it; it is only for messages.
    """

    id: str
    type: str
    created: int
    object_id: str
    fact: Fact
    payment_ids: tuple[str, ...] = ()
    session_id: str | None = None
    intent_ids: tuple[str, ...] = ()
    session_created: int | None = None
    traceparent: str | None = None
    currency: str | None = None
