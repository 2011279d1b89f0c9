"""Computes the read and write units of DynamoDB from items, by the rules of its developer guide."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from lea_payments.store import table
from lea_payments.store.items import Item
from tests.support.item_sizes import size_of

WRITE_BYTES, READ_BYTES = 1024, 4096
"""The size that one unit writes or reads, of an item or of its copy in an index ("Read and write operations")."""


def write_units(before: Item | None, after: Item) -> int:
    """The units of one write: of the table, and of every index whose copy of the item has changed."""
    old = before or {}
    return write_units_of_table(old, after) + sum(_index_units(index, old, after) for index in table.INDEXES)


def write_units_of_table(before: Item, after: Item) -> int:
    """The units of the table alone. A write whose condition is false costs them too."""
    return _write(max(size_of(before), size_of(after)))


def notify_index_units(before: Item | None, after: Item) -> int:
    """The units of one write in the notifier's index alone."""
    (index,) = [index for index in table.INDEXES if index["IndexName"] == table.NOTIFY_INDEX]
    return _index_units(index, before or {}, after)


def _write(size: int) -> int:
    return max(1, ceil(size / WRITE_BYTES))


def _index_units(index: Mapping[str, Any], before: Item, after: Item) -> int:
    """The units in one index ("Provisioned throughput considerations for global secondary indexes").

    A changed key costs two writes, because the old copy is deleted. A copy that stays the same costs nothing.
    """
    old, new = _copy(index, before), _copy(index, after)
    if old == new:
        return 0
    keys = table.key_names(index)
    if old and new and [old[key] for key in keys] == [new[key] for key in keys]:
        return _write(max(size_of(old), size_of(new)))
    return sum(_write(size_of(copy)) for copy in (old, new) if copy)


def _copy(index: Mapping[str, Any], item: Item) -> dict[str, Any]:
    """What an index stores of an item; nothing if the item lacks a key of it."""
    keys = table.key_names(index)
    if any(key not in item for key in keys):
        return {}
    names: Sequence[str] = (table.KEY, *keys, *index["Projection"].get("NonKeyAttributes", ()))
    return {name: item[name] for name in names if name in item}


def read_units(item: Item, *, consistent: bool) -> float:
    """The units of reading one item by its key."""
    units = max(1, ceil(size_of(item) / READ_BYTES))
    return units if consistent else units / 2
