"""Checks the chart's README and schema against values.yaml."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.chart.readme import README, VALUES, current, rows
from tests.chart.rendered import CHART, ROOT

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DRAFT_7 = {
    *("$schema", "$comment", "$ref", "title", "definitions", "type", "enum", "const", "pattern", "minLength"),
    *("maxLength", "minimum", "maximum", "items", "minItems", "maxItems", "uniqueItems", "properties", "required"),
    *("additionalProperties", "propertyNames", "minProperties", "allOf", "anyOf", "if", "then"),
}
"""The keywords that we use and that the validators of all Helm versions know."""

KUBERNETES_VALUES = {"labels", "resources", "podSecurityContext", "containerSecurityContext"}
"""Values that go to Kubernetes as they are, so one comment describes all of their keys."""


def leaves(values: dict[str, Any], path: str = "") -> set[str]:
    names: set[str] = set()
    for key, value in values.items():
        deeper = isinstance(value, dict) and value and key not in KUBERNETES_VALUES
        names |= leaves(value, f"{path}{key}.") if deeper else {f"{path}{key}"}
    return names


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and all schemas inside it."""
    if not isinstance(schema, dict):
        return
    yield schema
    by_name = [*schema.get("properties", {}).values(), *schema.get("definitions", {}).values()]
    nested = [schema.get(keyword) for keyword in ("items", "additionalProperties", "if", "then")]
    for one in [*by_name, *nested, *schema.get("allOf", []), *schema.get("anyOf", [])]:
        yield from schemas(one)


def documented_names(schema: dict[str, Any], path: str = "") -> set[str]:
    """The values of the schema, without those that refer to another value: the table has only the other one."""
    reference = schema.get("$ref", "")
    if reference.startswith("#/properties/"):
        return set()
    target = SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema
    inner = target.get("properties") if target.get("additionalProperties") is False else None
    if not inner or path.endswith("resources."):
        return {path.removesuffix(".")}
    return set().union(*(documented_names(one, f"{path}{key}.") for key, one in inner.items()))


def test_the_table_of_values_is_current() -> None:
    text = README.read_text()

    assert current(text) == text, "run `.venv/bin/python -m tests.chart.readme`"


def test_every_value_has_a_comment() -> None:
    assert leaves(yaml.safe_load(VALUES.read_text())) <= {name for name, _, _ in rows()}


def test_every_value_of_the_schema_is_in_the_table() -> None:
    assert documented_names(SCHEMA) - {"global"} == {name for name, _, _ in rows()}


def test_the_schema_uses_only_keywords_of_draft_7() -> None:
    """Helm before 3.18 validates by draft 7: it ignores later keywords, and keywords beside `$ref`."""
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    for schema in schemas(SCHEMA):
        assert schema.keys() <= DRAFT_7
        assert "$ref" not in schema or len(schema) == 1


def test_every_file_in_the_readme_exists() -> None:
    names = set(re.findall(r"-f (\S+\.yaml)", README.read_text()))

    assert names
    assert all((ROOT / name).is_file() for name in names)
