"""Defines a finding: what was checked, its state and its remedy."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The state of a finding; a note is for a person to judge."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One line of a report. `remedy` is empty if there is nothing to do."""

    state: State
    subject: str
    says: str
    remedy: str = ""


def ok(subject: str, says: str) -> Finding:
    """A finding without a problem."""
    return Finding(State.OK, subject, says)


def note(subject: str, says: str, remedy: str = "") -> Finding:
    """A finding that a person must judge, or that could not be checked."""
    return Finding(State.NOTE, subject, says, remedy)


def wrong(subject: str, says: str, remedy: str) -> Finding:
    """A finding that must be corrected."""
    return Finding(State.WRONG, subject, says, remedy)
