"""Prints text and JSON in which nothing can control the terminal."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from lea_payments.text.visible import visible_json, visible_lines, visible_text


class Terminal(Console):
    """Prints each text as one line, as it is: no markup, and a visible escape for each control character.

    This holds for the texts in tables too. Only `line` and `table` have styles.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without markup; rich calls this for every `str`."""
        style, justify, overflow = (options.get(name) for name in ("style", "justify", "overflow"))
        return Text(visible_text(text), style or "", justify=justify, overflow=overflow)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders it. A `Text` with a style was not escaped by `render_str`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))

    def print_lines(self, lines: Iterable[RenderableType], style: str | None = None) -> None:
        """Prints each of them on a line of its own, which the terminal and not this program wraps."""
        self.print(*lines, sep="\n", style=style, soft_wrap=True)


def line(mark: str, mark_style: str, text: str, style: str = "") -> Text:
    """A line that begins with a mark."""
    return Text.assemble((mark, mark_style), (f" {visible_text(text)}", style))


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Table:
    """A table; without headings it has two columns."""
    result = Table(title=title or None, box=box.SIMPLE, title_justify="left", show_header=bool(headings))
    for heading in headings or ("", ""):
        result.add_column(heading, overflow="fold")
    for row in rows:
        result.add_row(*(cell or "" for cell in row))
    return result


def json_text(value: object) -> str:
    """The value as JSON for people and programs."""
    return visible_json(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))
