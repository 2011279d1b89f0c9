"""Reads the current record from its item, or guesses it, with the conditions of the next write."""

import msgspec

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import Attribute, Item, attributes_of, payment_of


class CurrentRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it is, or is assumed to be, and its item.

    A write is conditional on the fields in `guard` and, if the record is a guess, on the `assumption`.
    """

    record: Payment
    item: Item
    guard: tuple[str, ...]
    assumption: str = ""


CREATED_VERSION = 1
LINKED_VERSION, SOME_LINK = 2, "http"
"""The version of a record when checkout has created it, and when it has stored the first session and its link."""

GUARD = ("version", "payment_status", "status_rank", "updated_at")
"""`version` is the optimistic lock. Pods of version 0.1.0 do not increment it, but change one of the other three."""

_SESSION_FIELDS = ("stripe_session_id", "amount", "currency")
_SESSION = Kind.SESSION
"""Reading a member from its class takes a call of the descriptor in Python 3.11; `untouched` runs for every event."""

_WRITTEN_BY_EVENTS = (
    *("facts", "history", "status_reason", "amount_refunded", "dispute_status", "other_session_id"),
    "awaiting_funds_on",
)
_CANCELED = "canceled_at"
_WRITTEN_BY_CHECKOUT = ("traceparent", "checkout_attempt_at", "checkout_locale", "checkout_link", _CANCELED)


def _without(*names: str) -> str:
    return " AND ".join(f"{name} IS MISSING" for name in names)


_BY_CHECKOUT = (
    f"version={LINKED_VERSION} AND payment_status='pending' AND status_rank=0 AND checkout_attempt=1"
    f" AND {_without(*_WRITTEN_BY_EVENTS, _CANCELED)}"
)
_BY_HAND = "payment_status='pending' AND " + _without(
    *("version", "status_rank", "checkout_attempt", "stripe_payment_intent"), *_WRITTEN_BY_CHECKOUT, *_WRITTEN_BY_EVENTS
)
"""What a guess assumes. A record with another value, also of another type, is read before it is written."""


def current(item: Item) -> CurrentRecord:
    """The record that DynamoDB returned."""
    return CurrentRecord(payment_of(item), item, GUARD)


def untouched(payment_id: str, event: PaymentEvent) -> CurrentRecord:
    """A guess of the record before its first event: what checkout writes, with the event's own values.

    The item has only the fields on which the write will be conditional, in the guard's order, each a text or a number.
    If the guess is wrong, the condition is false.
    """
    fact = event.fact
    session_id = event.session_id
    by_checkout = fact.attempt == 1
    item: dict[str, Attribute] = {}
    amount = currency = None
    guard: tuple[str, ...] = ()
    if fact.kind == _SESSION:
        amount, currency, guard = fact.amount, fact.currency, _SESSION_FIELDS
        # What `attributes_of` gives for these fields, without its loop.
        if session_id:
            item["stripe_session_id"] = {"S": session_id}
        if amount is not None:
            item["amount"] = {"N": str(amount)}
        if currency:
            item["currency"] = {"S": currency}
    guess = Payment(
        payment_intent_id=payment_id,
        stripe_session_id=session_id,
        amount=amount,
        currency=currency,
        version=LINKED_VERSION if by_checkout else None,
        status_rank=0 if by_checkout else None,
        checkout_attempt=1 if by_checkout else 0,
        checkout_link=SOME_LINK if by_checkout else None,
    )
    return CurrentRecord(guess, item, guard, _BY_CHECKOUT if by_checkout else _BY_HAND)


def as_read(record: Payment) -> CurrentRecord:
    """A record that was read earlier. Its item is not known: a person can have written, say, the version as text."""
    return CurrentRecord(record, attributes_of(record), GUARD)


ABSENT: Attribute = {"": None}
COMPARABLE = ("S", "N")
"""The types of the fields of a guard. A value of another type is not compared: only its type must still be the same."""

WRITTEN_FIELDS = tuple(name for name in Payment.__struct_fields__ if name not in (table.KEY, "history"))
"""The fields that a write assigns or removes. The history is only appended to."""
