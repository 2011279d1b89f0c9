"""Creates Stripe objects with new ids."""

import copy
import secrets
import string
from typing import Any

from stripe_emulator.reference.shapes import ID_LENGTHS, PREFIXES, SHAPES, Json

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return a random id in Stripe's format."""
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTHS.get(prefix, 24)))
    return f"{prefix}_{tail}"


def make(kind: str, **fields: Any) -> Json:
    """Create an object of this kind: a new id, the default values of its fields, and the given values."""
    shape = copy.deepcopy(SHAPES[kind])
    if unpublished := fields.keys() - shape.keys() - {"id"}:
        raise ValueError(f"{kind} has no field {', '.join(sorted(unpublished))}")
    return {"id": new_id(PREFIXES[kind])} | shape | fields


def listing(url: str, data: list[Json], *, has_more: bool = False) -> Json:
    """Return objects as one page of a Stripe list."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
