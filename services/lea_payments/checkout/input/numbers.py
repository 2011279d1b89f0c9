"""Reads numbers in queries."""

import re

_DIGITS = re.compile("[0-9]{1,15}")


def digits_only(value: object) -> object:
    """Python also reads `+5`, `1_0` and the digits of other scripts as integers."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("not a number in the digits 0 to 9; send one such as 20")
    return value
