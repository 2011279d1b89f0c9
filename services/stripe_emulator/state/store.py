"""Everything the emulator remembers, in this process's memory only; decides nothing and emits nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import Instrument, Settlement
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.objects import SHAPES


@dataclass
class Order:
    """What a checkout session was created with and does not show."""

    items: list[Json]
    intent: Json
    completed_event: str | None = None


@dataclass
class Due:
    """A delayed payment that waits for its end."""

    settlement: Settlement
    at: int


@dataclass
class Store:
    """Objects by kind and id, oldest first, and what belongs to them but is never shown."""

    tables: dict[str, dict[str, Json]] = field(default_factory=lambda: {kind: {} for kind in SHAPES})
    instruments: dict[str, Instrument] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    session_of: dict[str, str] = field(default_factory=dict)
    due: dict[str, Due] = field(default_factory=dict)
    expiries: list[tuple[int, str]] = field(default_factory=list)
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def add(self, thing: Json) -> Json:
        """Keep an object; the caller's changes to it are changes here."""
        self.tables[thing["object"]][thing["id"]] = thing
        return thing

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """The object, or Stripe's `resource_missing`."""
        thing = self.tables[kind].get(object_id)
        if thing is None:
            raise errors.no_such(kind, object_id, param)
        return thing

    def find(self, object_id: str) -> Json | None:
        """The object with this id, whatever its kind."""
        return next((table[object_id] for table in self.tables.values() if object_id in table), None)

    def remove(self, kind: str, object_id: str) -> None:
        """Forget an object."""
        del self.tables[kind][object_id]

    def oldest_first(self, kind: str) -> Iterator[Json]:
        """All objects of a kind as they were made."""
        return iter(list(self.tables[kind].values()))

    def newest_first(self, kind: str) -> Iterator[Json]:
        """All objects of a kind as Stripe lists them."""
        return reversed(list(self.tables[kind].values()))
