"""Defines what was read from Stripe about a payment."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lea_payments.payment.event import PaymentEvent


class Observation(NamedTuple):
    """What was read from Stripe: the facts, the ids of all objects, and what Stripe does not have.

    `lists` are the kinds of objects that were listed, each with its PaymentIntent. `undelivered` has the ids of objects
    with an event that was not delivered, each with the time of the event. `succeeded` are
    the PaymentIntents with money, `open_sessions` the sessions that can still be paid.
    """

    events: Sequence[PaymentEvent]
    objects: Collection[str]
    missing: Collection[str]
    lists: Collection[tuple[str, str]]
    undelivered: Mapping[str, int]
    succeeded: Collection[str] = ()
    open_sessions: Collection[str] = ()
