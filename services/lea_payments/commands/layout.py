"""Arranges sentences, fields and entries in lines of a width; pure.

It never breaks an id or a command, so that both can be copied.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from lea_payments.text.visible import visible_text

INDENT = "  "
_COMMAND = re.compile(r"lea-payments [a-z-]+(?: (?:--[a-z-]+(?: [^\s-]\S*)?|[^\s-]\S*_\S*))*")
_NO_BREAK = "\0"
"""Stands for a space that is no place for a break. `visible_text` leaves no such character in a text."""


def sentence(text: str, width: int, mark: str = "", indent: str = "") -> Iterator[str]:
    """The text in lines; those after the first one begin below its first word. `mark` stands before it."""
    first = f"{indent}{mark} " if mark else indent
    yield from _wrapped(text, width, first, " " * len(first))


def fields(pairs: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """One line for each label and its text, with all texts below each other."""
    labels = max((len(label) for label, _ in pairs), default=0)
    for label, text in pairs:
        yield from _wrapped(text, width, f"{INDENT}{label:<{labels}}  ", INDENT + " " * (labels + 2))


def entry(title: str, details: Iterable[str], width: int) -> Iterator[str]:
    """A title, and its details below it."""
    yield from _wrapped(title, width, INDENT, INDENT * 2)
    for detail in details:
        yield from _wrapped(detail, width, INDENT * 3, INDENT * 3)


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    lines = textwrap.wrap(
        _COMMAND.sub(lambda command: command[0].replace(" ", _NO_BREAK), visible_text(text)),
        max(width, len(first) + 1),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines] or [first.rstrip()]
