"""PromQL taken apart as far as our tests need it: which series a query names, and by which labels; no full parser."""

import re
from typing import Any, NamedTuple

import yaml

from tests.monitoring.conftest import RULES

_SELECTOR = re.compile(r"\b((?:namespace:)?(?:payments|process|kube)_[a-z0-9_:]+|up)\b(?![ ]*\()(?:{([^}]*)})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPED = re.compile(r"\b(?:by|on|without) \(([^)]*)\)")


class Matcher(NamedTuple):
    """One condition on a label."""

    label: str
    sign: str
    value: str


class Selector(NamedTuple):
    """One series as a query names it."""

    name: str
    matchers: tuple[Matcher, ...]

    def __str__(self) -> str:
        inside = ", ".join(f'{one.label}{one.sign}"{one.value}"' for one in self.matchers)
        return f"{self.name}{{{inside}}}" if inside else self.name

    @property
    def labels(self) -> set[str]:
        """The labels that it has conditions on."""
        return {matcher.label for matcher in self.matchers}


def selectors(expr: str) -> list[Selector]:
    """Every series that the query names."""
    bare = re.sub(r"\b(?:by|on|without) \([^)]*\)", "", expr)
    return [
        Selector(name, tuple(Matcher(*found) for found in _MATCHER.findall(inside or "")))
        for name, inside in _SELECTOR.findall(bare)
    ]


def grouped(expr: str) -> set[str]:
    """The labels by which the query groups."""
    return {label.strip() for labels in _GROUPED.findall(expr) for label in labels.split(",") if label.strip()}


def rules() -> list[dict[str, Any]]:
    """Every rule of every file."""
    groups = [group for path in sorted(RULES.glob("*.yaml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in rules() if "record" in rule}
