"""Reads and formats card numbers as people type and print them."""

import re
import unicodedata

# Spaces of any width, also those that cannot be seen, and dashes.
_SEPARATORS = re.compile(r"[\s\u200b\u2060\ufeff\u2010-\u2015-]")
# By the number of digits: American Express and Diners Club print other groups than four digits.
_GROUPS = {14: (4, 6, 4), 15: (4, 6, 5)}
_GROUPS_OF_FOUR = (4,) * 5


def without_spaces(text: str) -> str:
    """Return what somebody typed or pasted without spaces and dashes, and with ASCII digits."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))


def grouped(number: str) -> str:
    """Return a number in the groups that are printed on a card."""
    parts, rest = [], number
    for size in _GROUPS.get(len(number), _GROUPS_OF_FOUR):
        parts.append(rest[:size])
        rest = rest[size:]
    return " ".join(filter(None, parts))


def is_digits(text: str) -> bool:
    """Return whether a text consists of the digits 0 to 9. Python's `isdigit` also accepts `²`."""
    return text.isascii() and text.isdigit()
