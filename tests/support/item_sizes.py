"""Computes the sizes of items by DynamoDB's rules."""

from lea_payments.store.items import Attribute, Item


def size_of(item: Item) -> int:
    """An item's size in bytes ("Item sizes and formats")."""
    return sum(len(name.encode()) + attribute_size(attribute) for name, attribute in item.items())


def attribute_size(attribute: Attribute) -> int:
    """The size of a value in bytes."""
    ((kind, value),) = attribute.items()
    if kind == "L":
        return 3 + sum(1 + attribute_size(inner) for inner in value)
    if kind == "M":
        return 3 + size_of(value) + len(value)
    if kind == "S":
        return len(value.encode())
    return 1 if kind in ("BOOL", "NULL") else len(value) // 2 + 2
