"""Draws panels as SVG: bars, lines and tables."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, PAD = 440, 220, 16
COLOURS = ("#3b7dd8", "#2e9e5b", "#d9822b", "#c23b3b", "#7a5cc0", "#5c6670")
OUTCOME_COLOURS = {"created": COLOURS[0], "completed": COLOURS[1], "expired": COLOURS[2], "failed": COLOURS[3]}
"""An outcome has the same colour in every picture."""

Line = Sequence[tuple[float, float]]


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", fill: str = "#1f2933") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def bars(values: Mapping[str, float]) -> str:
    """One bar for each name; the longest bar takes the full width."""
    maximum = max(values.values())
    height = min(28.0, (HEIGHT - 60) / len(values))
    elements = []
    for place, (name, value) in enumerate(values.items()):
        y = 48 + place * height
        length = (WIDTH - 210) * value / maximum
        colour = OUTCOME_COLOURS.get(name, COLOURS[place % len(COLOURS)])
        elements += [
            _text(150, y + height * 0.6, name, anchor="end"),
            f'<rect x="158" y="{y:.1f}" width="{length:.1f}" height="{height * 0.75:.1f}" rx="2" fill="{colour}"/>',
            _text(164 + length, y + height * 0.6, f"{value:.0f}"),
        ]
    return "".join(elements)


def lines(series: Mapping[str, Line], unit: str = "") -> str:
    """One line for each name, over the same period."""
    times = [at for line in series.values() for at, _ in line]
    start, end = min(times), max(times)
    maximum = max(value for line in series.values() for _, value in line) or 1
    left, right, top, bottom = 44, WIDTH - PAD, 48, HEIGHT - 44

    def point(at: float, value: float) -> str:
        x = left + (right - left) * (at - start) / (end - start)
        return f"{x:.1f},{bottom - (bottom - top) * value / maximum:.1f}"

    elements = [
        f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#d7dce1"/>'
        + _text(left - 6, y + 4, label, size=10, anchor="end")
        for y, label in ((bottom, "0"), (top, f"{maximum:.3g}{unit}"))
    ]
    elements.append(_text(right, bottom + 14, f"{end - start:.0f} s", size=10, anchor="end"))
    for place, (name, line) in enumerate(series.items()):
        colour = OUTCOME_COLOURS.get(name, COLOURS[place % len(COLOURS)])
        path = " ".join(point(at, value) for at, value in line)
        elements.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        elements.append(_text(left + place * 96, HEIGHT - 10, f"■ {name}", size=11, fill=colour))
    return "".join(elements)


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table whose last columns are numbers."""
    places = [(24.0, "start"), (150.0, "start"), (290.0, "end"), (WIDTH - 24.0, "end")]
    return "".join(
        _text(x, 56 + 18 * line, cell, anchor=anchor, fill="#5c6670" if line == 0 else "#1f2933")
        for line, cells in enumerate((head, *body))
        for (x, anchor), cell in zip(places, cells, strict=True)
    )


def page(panels: Sequence[tuple[str, str]]) -> str:
    """An SVG of titled panels, two in each row."""
    height = (len(panels) + 1) // 2 * HEIGHT
    elements = [
        f'<g transform="translate({place % 2 * WIDTH} {place // 2 * HEIGHT})">'
        f'<rect x="6" y="6" width="{WIDTH - 12}" height="{HEIGHT - 12}" rx="6" fill="#fff" stroke="#d7dce1"/>'
        f"{_text(20, 30, title)}{inside}</g>"
        for place, (title, inside) in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="#f4f6f8"/>{"".join(elements)}</svg>\n'
    )
