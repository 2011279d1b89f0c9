"""Checks that a body is JSON that every parser reads alike: UTF-8, with each field once and only real numbers."""

import json
from typing import NoReturn

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_ASCII_START = 4
"""The first bytes of UTF-16 and UTF-32 contain a NUL, because JSON starts with an ASCII character."""


class NotStrictJsonError(Exception):
    """Raised when a body is not strict JSON. The message says what to send; `field` is set if one field is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def check(body: bytes) -> bytes:
    """Returns the body without a byte order mark. Raises NotStrictJsonError."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotStrictJsonError("The body is not UTF-8; send one JSON object in UTF-8.") from None
    if "\0" in text[:_ASCII_START]:
        raise NotStrictJsonError("The body is UTF-16 or UTF-32; send one JSON object in UTF-8.")
    text = text.removeprefix(BYTE_ORDER_MARK)
    try:
        json.loads(text, object_pairs_hook=_object_with_distinct_names, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise NotStrictJsonError("The body is not JSON; send one JSON object in UTF-8.") from None
    return text.encode()


def _object_with_distinct_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Parsers disagree about which of two values counts, so a gateway could check one and we charge the other."""
    names = set()
    for name, _ in pairs:
        if name in names:
            raise NotStrictJsonError("The body has a field twice; send each field once.", name)
        names.add(name)
    return dict(pairs)


def _reject_constant(name: str) -> NoReturn:
    raise NotStrictJsonError(f"The body contains {name}, which is not JSON; send an integer.")
