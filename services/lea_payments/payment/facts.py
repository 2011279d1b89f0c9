"""Defines facts, what is known about Stripe's objects, and merges them in any order."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

ValueT = TypeVar("ValueT", int, str)


class Kind(StrEnum):
    """The kinds of Stripe objects that a payment has facts about."""

    SESSION = "session"
    INTENT = "intent"
    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    WARNING = "warning"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one object. Amounts are in minor units, `due` is in seconds since 1970.

    `kind` and `state` are plain text, so that a value that this version does not know is kept. `intent` is the
    object's PaymentIntent, `code` a decline code, `due` the last moment for evidence in a dispute, and `method` the
    text of a Method.
    """

    kind: str
    state: str
    amount: int | None = None
    currency: str | None = None
    intent: str | None = None
    attempt: int | None = None
    code: str | None = None
    due: int | None = None
    method: str | None = None


class Method(NamedTuple):
    """How a charge was paid, in Stripe's codes, such as `card`, `visa` and `4242`. What is not known is empty."""

    kind: str
    brand: str = ""
    last4: str = ""

    @property
    def text(self) -> str:
        """The method as a fact stores it: `card/visa/4242`, `paynow`."""
        return "/".join(self).rstrip("/")


_METHOD = re.compile("([a-z][a-z0-9_]{0,49})(?:/([a-z0-9_]{0,50})(?:/([0-9]{4}))?)?")


def method_of(text: str) -> Method | None:
    """The method that a fact stores, or None if it is not one: a person can have written anything."""
    match = _METHOD.fullmatch(text)
    return Method(*match.groups("")) if match else None


Facts = Mapping[str, Fact]
"""The facts about a payment by the object's id."""

EXPIRED, UNPAID, FAILED, PAID = "expired", "unpaid", "failed", "paid"
DECLINED = "declined"
REFUNDED = "refunded"
SUCCEEDED, CANCELED = "succeeded", "canceled"
ACTIONABLE, NOT_ACTIONABLE = "actionable", "not_actionable"
LOST, APPEAL_LOST = "lost", "appeal_lost"

STATES: Mapping[str, Sequence[str]] = {
    # "unpaid" is complete, with the money on its way; "failed" means that this money does not arrive.
    Kind.SESSION: ("open", EXPIRED, UNPAID, FAILED, PAID),
    Kind.INTENT: (DECLINED,),
    # "succeeded" only tells how the customer paid: the session decides whether. Of its refunds, a charge reports only
    # a running total. It serves while no refund is known by its id.
    Kind.CHARGE: (SUCCEEDED, REFUNDED),
    # A refund can fail after it has succeeded (docs.stripe.com/refunds, "Failed refunds").
    Kind.REFUND: ("pending", "requires_action", SUCCEEDED, CANCELED, FAILED),
    # An inquiry can become a chargeback, and a lost dispute can be won by an appeal. A dispute that is lost again
    # goes backwards: an event cannot tell the second loss from the first. `store/repairs.py` then reads the dispute
    # from Stripe, and stores APPEAL_LOST, which is our own state.
    Kind.DISPUTE: (
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        LOST,
        "appeal_needs_response",
        "appeal_under_review",
        "prevented",
        "won",
        APPEAL_LOST,
    ),
    # A warning stays not actionable, even if the refund that settled it fails: the failed refund needs a person.
    Kind.WARNING: (ACTIONABLE, NOT_ACTIONABLE),
}
"""The states of each kind in order of precedence: of two states of one object, the later one in this list holds.

They are Stripe's (docs.stripe.com/api), shortened for sessions. A state that is not listed has the lowest precedence.
"""

_PRECEDENCE = {(kind, state): number for kind, states in STATES.items() for number, state in enumerate(states, 1)}

_COMPLETE = frozenset({UNPAID, FAILED, PAID})
"""The states of a session whose total is final."""

OBJECT_LIMIT = 40
"""The number of objects that a record keeps: more than any real payment has, and it bounds the item's size."""

OVERFLOW_ID = "too_many"
OVERFLOW = Fact(kind="limit", state="exceeded")
"""Marks a record that has lost facts because there were more than OBJECT_LIMIT objects."""

_IMPORTANCE: Mapping[tuple[str, str], int] = {
    (Kind.SESSION, PAID): 9,
    (Kind.SESSION, FAILED): 8,
    (Kind.SESSION, UNPAID): 7,
    (Kind.CHARGE, REFUNDED): 3,
}
_IMPORTANCE_OF_KIND: Mapping[str, int] = {
    Kind.DISPUTE: 6,
    Kind.WARNING: 5,
    Kind.REFUND: 4,
    Kind.INTENT: 2,
    Kind.SESSION: 1,
    Kind.CHARGE: 0,
}


def merge(known: Facts, new: Facts) -> Facts:
    """Both sets of facts, with the further state of each object. Commutative, associative and idempotent."""
    merged = known
    for object_id, fact in new.items():
        merged = with_fact(merged, object_id, fact)
    return merged


def with_fact(known: Facts, object_id: str, fact: Fact) -> Facts:
    """The known facts and this one; the same object as `known` if there is nothing new in it."""
    before = known.get(object_id)
    if before is not None:
        fact = _merged(before, fact)
        if fact == before:
            return known
    merged = {**known, object_id: fact}
    if len(merged) <= OBJECT_LIMIT:
        return merged
    bounded = _bounded(merged)
    return known if bounded == known else bounded


def is_known_state(fact: Fact) -> bool:
    """Whether the fact's state is one of its kind's states."""
    return (fact.kind, fact.state) in _PRECEDENCE


def is_detail(fact: Fact) -> bool:
    """Whether the fact only adds a detail to a payment: nothing that is decided or published depends on it."""
    return fact.state == SUCCEEDED and fact.kind == Kind.CHARGE


def is_lost_again(known: Fact | None, new: Fact) -> bool:
    """Whether a dispute is reported as lost that went further after it was lost: only Stripe knows which is newer."""
    if known is None or (new.kind, new.state) != (Kind.DISPUTE, LOST):
        return False
    return _precedence(new) < _precedence(known) < _precedence(replace(new, state=APPEAL_LOST))


def _merged(one: Fact, other: Fact) -> Fact:
    """The further state, and the greatest of two values of every other field.

    The greatest value is the same in any order. It is also right: these fields are set once, or only grow. An object
    has one kind; if a person has stored another one under its id, nothing of the lower kind is kept.
    """
    further = max(one, other, key=_precedence)
    if one.kind != other.kind:
        return further
    one, other = _with_final_money(one, further), _with_final_money(other, further)
    return Fact(
        kind=further.kind,
        state=further.state,
        amount=_greatest(one.amount, other.amount),
        currency=_greatest(one.currency, other.currency),
        intent=_greatest(one.intent, other.intent),
        attempt=_greatest(one.attempt, other.attempt),
        code=_greatest(one.code, other.code),
        due=_greatest(one.due, other.due),
        method=_greatest(one.method, other.method),
    )


def _with_final_money(fact: Fact, further: Fact) -> Fact:
    """The fact without the total of a session that was not complete yet: a code could still change it."""
    if fact.kind != Kind.SESSION or further.state not in _COMPLETE or fact.state in _COMPLETE:
        return fact
    return replace(fact, amount=None, currency=None)


def _precedence(fact: Fact) -> tuple[bool, str, int, str]:
    """The order of states. A kind that this version does not know must not hide one that it knows."""
    return fact.kind in STATES, fact.kind, _PRECEDENCE.get((fact.kind, fact.state), 0), fact.state


def _greatest(one: ValueT | None, other: ValueT | None) -> ValueT | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _bounded(facts: dict[str, Fact]) -> Facts:
    """At most OBJECT_LIMIT facts: the most important ones, and the mark that others were lost.

    The importance of an object never falls with a further state, so the same facts stay in any order of arrival.
    """
    objects = sorted(facts.keys() - {OVERFLOW_ID}, key=lambda object_id: _importance(object_id, facts), reverse=True)
    if len(objects) <= OBJECT_LIMIT:
        return facts
    return {**{object_id: facts[object_id] for object_id in objects[:OBJECT_LIMIT]}, OVERFLOW_ID: OVERFLOW}


def _importance(object_id: str, facts: Facts) -> tuple[int, str]:
    fact = facts[object_id]
    importance = _IMPORTANCE.get((fact.kind, fact.state)) or _IMPORTANCE_OF_KIND.get(fact.kind, 0)
    return importance, object_id
