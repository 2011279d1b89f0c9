"""Converts the deliveries of a payment's notification to an attribute and back; invalid values count as absent."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple

from lea_payments.notifications.delivery import Delivery, Outcome, Stage
from lea_payments.store.items import Attribute, Item
from lea_payments.store.statements.outbox import DEAD_LETTERS, DELIVERIES, DUE, LEASE, SHARD, TARGET

Deliveries = Mapping[str, Delivery]
"""The state at each endpoint by its name."""

_NUMBERS: Mapping[str, str] = {
    "version": "v",
    "target": "n",
    "attempts": "a",
    "first_failure": "f",
    "last_attempt": "l",
    "next_attempt": "d",
}
_WORDS: Sequence[tuple[str, type[StrEnum], str]] = (("outcome", Outcome, "o"), ("stage", Stage, "s"))
"""The keys inside the attribute. They are short: every write pays for every byte of an item."""


class OutboxState(NamedTuple):
    """What a record says about its notification. `due_at` is None if nothing is due; times are in milliseconds."""

    deliveries: Deliveries
    due_at: float | None = None
    leased_until: float | None = None
    target: int | None = None
    is_dead_lettered: bool = False


def attribute_of(deliveries: Deliveries) -> Attribute:
    """The deliveries as one attribute."""
    return {"M": {name: {"M": _fields_of(delivery)} for name, delivery in deliveries.items()}}


def deliveries_of(item: Item) -> Deliveries:
    """The deliveries in an item."""
    entries = item.get(DELIVERIES, {}).get("M") or {}
    return {name: _delivery_of(entry.get("M") or {}) for name, entry in entries.items()}


def state_of(item: Item) -> OutboxState:
    """What an item says about its notification."""
    is_dead_lettered = item.get(SHARD) == {"S": DEAD_LETTERS}
    target = number_of(item, TARGET)
    return OutboxState(
        deliveries_of(item),
        number_of(item, DUE) if SHARD in item and not is_dead_lettered else None,
        number_of(item, LEASE),
        None if target is None else int(target),
        is_dead_lettered,
    )


def number_of(item: Item, name: str) -> float | None:
    """The number in an attribute, or None if it has none."""
    value = item.get(name, {}).get("N")
    return None if value is None else float(value)


def _fields_of(delivery: Delivery) -> dict[str, Attribute]:
    numbers = ((key, "N", getattr(delivery, name)) for name, key in _NUMBERS.items())
    texts = ((key, "S", getattr(delivery, name)) for name, _, key in _WORDS)
    return {key: {kind: str(value)} for key, kind, value in (*numbers, *texts) if value is not None}


def _delivery_of(entry: Item) -> Delivery:
    numbers = {name: number for name, key in _NUMBERS.items() if (number := number_of(entry, key)) is not None}
    values: dict[str, Any] = {name: int(number) for name, number in numbers.items()}
    for name, kind, key in _WORDS:
        with suppress(ValueError):  # it is missing, or of another version
            values[name] = kind(entry.get(key, {}).get("S", ""))
    return Delivery(**values)
