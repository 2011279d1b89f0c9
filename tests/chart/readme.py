"""The table of values in the chart's README, made from values.yaml; `python -m tests.chart.readme` writes it anew."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.chart.rendered import CHART

README = CHART / "README.md"
VALUES = CHART / "values.yaml"
LINE = re.compile(r"^(?P<indent> *)(?P<optional># )?(?P<key>[A-Za-z]+):(?: (?P<value>.+))?$")
MARKED = re.compile(r"(<!-- values -->\n).*?(<!-- /values -->)", re.DOTALL)


def rows() -> Iterator[tuple[str, str, str]]:
    """Each value that has a comment: its name, its default and the comment. One without a default is commented out."""
    path: list[str] = []
    comment: list[str] = []
    text = VALUES.read_text()
    defaults = yaml.safe_load(text)
    for line in text.splitlines():
        found = LINE.match(line)
        is_key = found and (not found["optional"] or comment)
        if found and is_key:
            path[len(found["indent"]) // 2 :] = [found["key"]]
            if comment:
                yield ".".join(path), "" if found["optional"] else default_of(path, defaults), " ".join(comment)
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
    """The README with the table as values.yaml has it."""
    if not MARKED.search(text):
        raise ValueError("charts/lea-payments/README.md lacks the marks of the values")
    table = "\n".join(
        ["| value | default | meaning |", "|---|---|---|"]
        + [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows()]
    )
    return MARKED.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
