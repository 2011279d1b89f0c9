"""Puts numbers and nouns together; pure."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """The number with its noun: `1 payment`, `2 payments`. The plural has an `s` if none is given."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
