"""Reads PromQL as far as the tests need it: the series that a query selects and the labels that it groups by."""

import re
from functools import cache
from typing import Any, NamedTuple

import yaml

from tests.monitoring.conftest import RULES

_SELECTOR = re.compile(
    r"\b((?:(?:release|job|deployment):)?(?:payments|process|kube)_[a-z0-9_:]+|up)\b(?![ ]*\()(?:{([^}]*)})?"
)
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPED = re.compile(r"\b(?:by|on|without) \(([^)]*)\)")


class Matcher(NamedTuple):
    """One label matcher."""

    label: str
    operator: str
    value: str


class Selector(NamedTuple):
    """One selector: the name of a series and its label matchers."""

    name: str
    matchers: tuple[Matcher, ...]

    def __str__(self) -> str:
        matchers = ", ".join(f'{one.label}{one.operator}"{one.value}"' for one in self.matchers)
        return f"{self.name}{{{matchers}}}" if matchers else self.name

    @property
    def labels(self) -> set[str]:
        """The labels that it matches on."""
        return {matcher.label for matcher in self.matchers}


def selectors(expr: str) -> list[Selector]:
    """Every selector in the query."""
    ungrouped = re.sub(r"\b(?:by|on|without) \([^)]*\)", "", expr)
    return [
        Selector(name, tuple(Matcher(*groups) for groups in _MATCHER.findall(matchers or "")))
        for name, matchers in _SELECTOR.findall(ungrouped)
    ]


def group_labels(expr: str) -> set[str]:
    """The labels that the query groups by."""
    return {label.strip() for labels in _GROUPED.findall(expr) for label in labels.split(",") if label.strip()}


@cache
def rules() -> list[dict[str, Any]]:
    """All rules of all rule files."""
    groups = [group for path in sorted(RULES.glob("*.yaml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in rules() if "record" in rule}
