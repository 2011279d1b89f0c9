"""Decodes Stripe's form encoding, `a[b][0]=c`, into nested values."""

from typing import Any
from urllib.parse import parse_qsl

from stripe_emulator.reference.shapes import Json

# A parser of our own, because the common libraries read flat forms only.
MAX_DEPTH = 20


class FormError(ValueError):
    """Raised when brackets do not match, or when two parameters conflict."""


def parse(encoded: str) -> Json:
    """Return `a[b][0][c]=1&d[]=2` as `{"a": {"b": {"0": {"c": "1"}}}, "d": {"0": "2"}}`. All values are strings."""
    tree: Json = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        _put(tree, _path(name), value, name)
    return tree


def as_list(branch: Any) -> list[Any] | None:
    """Return the items of a branch in the order of their indexes, or None if a key is not an index."""
    if not isinstance(branch, dict) or not all(key.isascii() and key.isdigit() for key in branch):
        return None
    return [branch[key] for key in sorted(branch, key=int)]


def _path(name: str) -> list[str]:
    head, *rest = name.split("[")
    if not head or any(not part.endswith("]") or "]" in part[:-1] for part in rest) or len(rest) > MAX_DEPTH:
        raise FormError(f"Invalid parameter name: {name}")
    return [head, *(part[:-1] for part in rest)]


def _put(tree: Json, path: list[str], value: str, name: str) -> None:
    *parents, leaf = path
    for part, following in zip(parents, path[1:], strict=True):
        tree = tree.setdefault(part or _open_index(tree, following), {})
        if not isinstance(tree, dict):
            raise FormError(f"Conflicting values for parameter: {name}")
    place = leaf or str(len(tree))
    if isinstance(tree.get(place), dict):
        raise FormError(f"Conflicting values for parameter: {name}")
    tree[place] = value


def _open_index(tree: Json, following: str) -> str:
    """Return the index that `[]` stands for: the last item if it lacks the key that follows, otherwise a new one."""
    last = str(len(tree) - 1)
    return last if isinstance(tree.get(last), dict) and following not in tree[last] else str(len(tree))
