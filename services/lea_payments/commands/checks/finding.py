"""What a check found: whether it is as it must be, and what to do if not; looks at nothing itself."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How a thing stands; a note is for a person to judge."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One line of a report. `remedy` is empty where nothing need be done."""

    state: State
    subject: str
    says: str
    remedy: str = ""


def ok(subject: str, says: str) -> Finding:
    """It is as it must be."""
    return Finding(State.OK, subject, says)


def note(subject: str, says: str, remedy: str = "") -> Finding:
    """It works, or could not be looked at."""
    return Finding(State.NOTE, subject, says, remedy)


def wrong(subject: str, says: str, remedy: str) -> Finding:
    """It does not work, or soon will not."""
    return Finding(State.WRONG, subject, says, remedy)
