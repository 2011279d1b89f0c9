"""Keeps the emulator's objects in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import Instrument, Settlement
from stripe_emulator.reference.shapes import SHAPES, Json

# Whose events a webhook endpoint receives.
Origin = Literal["self", "connected"]


@dataclass
class Order:
    """Data of a checkout session that the session object does not contain."""

    items: list[Json] = field(default_factory=list)
    intent: Json = field(default_factory=dict)  # fields of the PaymentIntent, SetupIntent or subscription
    payment_intent: str | None = None
    completed_event: str | None = None
    typed: dict[str, str] = field(default_factory=dict)  # on the pay page, without the CVC


@dataclass
class ScheduledSettlement:
    """The later result of a payment or a refund, and when it is due."""

    settlement: Settlement
    at: int


@dataclass
class ObjectStore:
    """Objects by kind and id, and internal data about them that the API never shows."""

    tables: dict[str, dict[str, Json]] = field(default_factory=lambda: {kind: {} for kind in SHAPES})
    instruments: dict[str, Instrument] = field(default_factory=dict)  # by payment method
    orders: dict[str, Order] = field(default_factory=dict)  # by checkout session
    session_of: dict[str, str] = field(default_factory=dict)  # by PaymentIntent or SetupIntent
    set_up: set[str] = field(default_factory=set)  # payment methods that can be charged without the customer
    settlements: dict[str, ScheduledSettlement] = field(default_factory=dict)  # by PaymentIntent
    refund_results: dict[str, ScheduledSettlement] = field(default_factory=dict)  # by refund
    withdrawn: set[str] = field(default_factory=set)  # disputes whose amount is withdrawn from the balance
    recoveries: dict[str, str] = field(default_factory=dict)  # checkout session by the token in its recovery URL
    expiries: list[tuple[int, str]] = field(default_factory=list)  # a heap of times and checkout sessions
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by webhook endpoint
    origins: dict[str, tuple[Origin, ...]] = field(default_factory=dict)  # by webhook endpoint
    bodies: dict[str, bytes] = field(default_factory=dict)  # by event

    def add(self, thing: Json) -> Json:
        """Store an object. It is not copied: later changes by the caller change the stored object."""
        self.tables[thing["object"]][thing["id"]] = thing
        return thing

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """Return an object, or raise Stripe's `resource_missing`."""
        thing = self.tables[kind].get(object_id)
        if thing is None:
            raise errors.no_such(kind, object_id, param)
        return thing

    def find(self, object_id: str) -> Json | None:
        """Return the object with this id, of any kind."""
        return next((table[object_id] for table in self.tables.values() if object_id in table), None)

    def remove(self, kind: str, object_id: str) -> None:
        """Delete an object."""
        del self.tables[kind][object_id]

    def oldest_first(self, kind: str) -> Iterator[Json]:
        """Return all objects of a kind in the order of their creation."""
        return iter(list(self.tables[kind].values()))

    def newest_first(self, kind: str) -> Iterator[Json]:
        """Return all objects of a kind in the order of Stripe's lists."""
        return reversed(list(self.tables[kind].values()))
