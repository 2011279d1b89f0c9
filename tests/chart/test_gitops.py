"""Checks what tools for GitOps need: the same objects every time, and few, documented hooks."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.chart.rendered import FEW_SETS, SETS, Object, ci, read, render, render_again
from tests.support.examples import examples

HOOK = "helm.sh/hook"
ARGO_CD = {"pre-install,pre-upgrade", "test"}
"""Hooks that Argo CD runs as PreSync, and those that it ignores."""


def hook(one: Object) -> str:
    return str(one["metadata"].get("annotations", {}).get(HOOK, ""))


def values_of(node: Any, key: str) -> set[str]:
    """All texts with this key, anywhere in the object."""
    if isinstance(node, Mapping):
        own = {node[key]} if isinstance(node.get(key), str) else set()
        return own.union(*(values_of(value, key) for value in node.values()))
    return set().union(*(values_of(value, key) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("name", SETS if examples(0, 1) else FEW_SETS)
def test_the_chart_renders_the_same_objects_twice(name: str) -> None:
    values = read(*SETS[name])

    assert render_again(values).texts == render(values).texts


@pytest.mark.parametrize("name", SETS)
def test_only_table_init_and_the_test_pod_are_hooks(name: str) -> None:
    objects = list(render(read(*SETS[name])))
    components = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in objects if hook(one)}

    assert {hook(one) for one in objects} <= {"", *ARGO_CD}
    assert components <= {"table-init", "test"}


@pytest.mark.parametrize("name", ["aws", "staging", "emulator", "telemetry"])
def test_no_object_depends_on_a_hook(name: str) -> None:
    """So `helm template --no-hooks` is a complete release, but for the table."""
    objects = list(render(read(*SETS[name])))
    applied = [one for one in objects if not hook(one)]
    accounts = {one["metadata"]["name"] for one in applied if one["kind"] == "ServiceAccount"}

    assert any(hook(one) for one in objects)
    assert set().union(*(values_of(one, "serviceAccountName") for one in applied)) <= accounts


def test_the_job_of_a_local_table_is_not_a_hook() -> None:
    job = render(ci("emulator")).job()

    assert not hook(job)
    assert job["metadata"]["name"].rpartition("-")[2].isalnum()
