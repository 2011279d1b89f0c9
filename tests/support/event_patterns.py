"""Decides whether an event matches a pattern of Amazon EventBridge, as far as our documents use patterns."""

from collections.abc import Mapping
from typing import Any


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether every field of the pattern matches the field of that name in the event."""
    fields = event if isinstance(event, Mapping) else {}
    return all(
        matches(expected, fields.get(name))
        if isinstance(expected, Mapping)
        else _any_matches(expected, fields.get(name))
        for name, expected in pattern.items()
    )


def _any_matches(alternatives: list[Any], value: Any) -> bool:
    """Whether a leaf matches one alternative. A leaf that is missing matches only `{"exists": false}`."""
    return any(_matches(one, value) for one in alternatives)


def _matches(alternative: Any, value: Any) -> bool:
    match alternative:
        case {"exists": bool(expected)}:
            return (value is not None) == expected
        case {"anything-but": str(excluded)}:
            return value is not None and value != excluded
        case str():
            return bool(value == alternative)
    raise ValueError(f"{alternative!r} is not a comparison that this evaluator knows")
