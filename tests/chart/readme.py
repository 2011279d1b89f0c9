"""Generates from values.yaml the table in the README and the copy for templates: `python -m tests.chart.readme`."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.chart.rendered import CHART

README = CHART / "README.md"
VALUES = CHART / "values.yaml"
COPY = CHART / "files" / "values.yaml"
"""A copy of values.yaml that templates can read; Helm shows them no other file of values."""
LINE = re.compile(r"^(?P<indent> *)(?P<optional># )?(?P<key>[A-Za-z]+):(?: (?P<value>.+))?$")
MARKED = re.compile(r"(<!-- values -->\n).*?(<!-- /values -->)", re.DOTALL)


def rows() -> Iterator[tuple[str, str, str]]:
    """Name, default and comment of each value that has a comment. A value without a default is commented out."""
    path: list[str] = []
    comment: list[str] = []
    text = VALUES.read_text()
    defaults = yaml.safe_load(text)
    for line in text.splitlines():
        match = LINE.match(line)
        is_key = match and (not match["optional"] or comment)
        if match and is_key:
            path[len(match["indent"]) // 2 :] = [match["key"]]
            if comment:
                yield ".".join(path), "" if match["optional"] else default_of(path, defaults), " ".join(comment)
            comment = []
        elif line.strip().startswith("# "):
            comment.append(line.strip().removeprefix("# "))
        else:
            comment = []


def default_of(path: list[str], defaults: Any) -> str:
    """The default of one value, on one line."""
    value = defaults
    for key in path:
        value = value[key]
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"`{text}`"


def current(text: str) -> str:
    """The README with a table that matches values.yaml."""
    if not MARKED.search(text):
        raise ValueError("charts/lea-payments/README.md has no markers: add <!-- values --> and <!-- /values -->")
    table = "\n".join(
        ["| value | default | meaning |", "|---|---|---|"]
        + [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows()]
    )
    return MARKED.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
    COPY.write_text(VALUES.read_text())
