"""Defines a scenario of one payment, and the fields that many scenarios end with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class ListedObject(NamedTuple):
    """An object as Stripe lists it."""

    object_type: str
    fields: Mapping[str, Any]


def no_objects(_: str) -> Sequence[ListedObject]:
    """Most scenarios consist of events alone."""
    return ()


class Scenario(NamedTuple):
    """The events of a payment, in any order, and the fields of its record after them.

    `before` has the fields of the record before them that differ from `scenarios.record`, and `objects` what the
    reconciler reads from lists. Events and objects are functions of the payment's id.
    """

    events: Callable[[str], Sequence[bytes]]
    final_fields: Mapping[str, Any]
    before: Mapping[str, Any] = {}
    objects: Callable[[str], Sequence[ListedObject]] = no_objects


PAID: Mapping[str, Any] = {
    "payment_status": "completed",
    "status_rank": 50,
    "status_reason": None,
    "stripe_session_id": "cs_test_a",
    "stripe_payment_intent": "pi_a",
}
PAID_TWICE: Mapping[str, Any] = {**PAID, "status_reason": "paid_twice", "other_session_id": "cs_test_b"}
PAID_BY_B: Mapping[str, Any] = {
    **PAID,
    "stripe_session_id": "cs_test_b",
    "stripe_payment_intent": "pi_b",
    "other_session_id": "cs_test_a",
}
EXPIRED: Mapping[str, Any] = {"payment_status": "expired", "status_rank": 20}
AWAITING: Mapping[str, Any] = {"payment_status": "pending", "status_rank": 30, "status_reason": "awaiting_funds"}
ASYNC_FAILED: Mapping[str, Any] = {
    "payment_status": "failed",
    "status_rank": 40,
    "status_reason": "async_payment_failed",
}


def declined(code: str = "insufficient_funds") -> Mapping[str, Any]:
    """The fields after a declined card."""
    return {"payment_status": "failed", "status_rank": 10, "status_reason": f"card_declined:{code}"}


def mismatch(reason: str) -> Mapping[str, Any]:
    """The fields after money that is not what was requested."""
    return {**PAID, "payment_status": "pending", "status_rank": 45, "status_reason": reason}


B: Mapping[str, Any] = {"id": "cs_test_b", "payment_intent": "pi_b"}
"""The fields of a second session and its PaymentIntent."""

FIRST: Mapping[str, Any] = {"metadata": {"attempt": "1"}}
SECOND: Mapping[str, Any] = {**B, "metadata": {"attempt": "2"}}
"""The sessions of checkout's first and second attempt."""

SECOND_ATTEMPT: Mapping[str, Any] = {
    "checkout_attempt": 2,
    "stripe_session_id": "cs_test_b",
    "other_session_id": "cs_test_a",
}
"""A record with a second link: the session cs_test_b is the current one, cs_test_a the former one."""

RECOVERED: Mapping[str, Any] = {**B, "metadata": {"attempt": "1"}}
"""A session that Stripe created from the expired one (`after_expiration.recovery`): it has the same metadata."""
