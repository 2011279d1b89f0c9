"""The chart's README and its schema say what values.yaml has."""

import json
import re
from typing import Any

import yaml

from tests.chart.readme import README, VALUES, current, rows
from tests.chart.rendered import CHART, ROOT


def test_the_table_of_values_is_current() -> None:
    text = README.read_text()

    assert current(text) == text, "run `.venv/bin/python -m tests.chart.readme`"


def leaves(values: dict[str, Any], path: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in values.items():
        deeper = isinstance(value, dict) and value and key not in {"labels", "resources"}
        found |= leaves(value, f"{path}{key}.") if deeper else {f"{path}{key}"}
    return found


def test_every_value_has_a_comment() -> None:
    assert leaves(yaml.safe_load(VALUES.read_text())) <= {name for name, _, _ in rows()}


def test_every_value_of_the_schema_is_in_the_table() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def named(part: dict[str, Any], path: str) -> set[str]:
        target = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        inner = target.get("properties") if target.get("additionalProperties") is False else None
        if not inner or path.endswith("resources."):
            return {path.removesuffix(".")}
        return set().union(*(named(one, f"{path}{key}.") for key, one in inner.items()))

    assert named(schema, "") - {"global"} == {name for name, _, _ in rows()}


def test_every_file_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"-f (\S+\.yaml)", README.read_text()))

    assert named
    assert all((ROOT / name).is_file() for name in named)
