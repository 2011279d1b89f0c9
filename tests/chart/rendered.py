"""Renders the chart with Helm's own engine, without a cluster or a helm binary."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Written in C where PyYAML has that, because otherwise reading a release takes longer than rendering it."""

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "lea-payments"
LOCAL = ROOT / "k8s-local" / "values.yaml"
STAGING = CHART / "values-staging.yaml"
PRODUCTION = CHART / "values-production.yaml"
RELEASE = "lea-payments"
NAMESPACE = "lea"
KUBERNETES = "1.34"
"""The version whose schemas the objects are validated against."""

REPLICATED = ("webhook", "pages", "checkout")
"""The services that have a Kubernetes Service and any number of pods."""

SERVICES = (*REPLICATED, "reconciler")
OPERATOR_KINDS = {"HTTPRoute", "PrometheusRule", "ServiceMonitor"}
"""Kinds that are not part of Kubernetes: operators bring their schemas."""

Object = dict[str, Any]
Values = dict[str, Any]


def merged(values: Values, overrides: Mapping[str, Any]) -> Values:
    """The values with overrides on top, merged as Helm merges files; None removes a value."""
    result = copy.deepcopy(values)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
            continue
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return result


def read(*files: Path) -> Values:
    """The values in these files; later files override earlier ones."""
    values: Values = {}
    for file in files:
        values = merged(values, yaml.load(file.read_text(), LOADER))  # noqa: S506 - a safe one
    return values


def ci(behaviour: str) -> Values:
    """The values of `ci/<behaviour>-values.yaml`."""
    return read(CHART / "ci" / f"{behaviour}-values.yaml")


SETS: Mapping[str, tuple[Path, ...]] = {
    **{file.name.removesuffix("-values.yaml"): (file,) for file in sorted((CHART / "ci").glob("*-values.yaml"))},
    "k8s-local": (LOCAL,),
    "staging": (STAGING,),
    "production": (STAGING, PRODUCTION),
}
"""All sets of values in this repository."""

FEW_SETS = ("mcp", "staging", "httproute")
"""Sets that together render every template that any set renders."""


@cache
def _objects(text: str) -> list[Object]:
    """The objects in a rendered file. Cached, because most files are the same for most values."""
    return [document for document in yaml.load_all(text, Loader=LOADER) if document]


class Rendered:
    """The objects of one release, by the template file of each."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.notes = next((text for name, text in files.items() if name.endswith("/NOTES.txt")), "")
        self.texts = {name.partition("/templates/")[2]: text for name, text in files.items() if name.endswith(".yaml")}
        documents = {name: _objects(text) for name, text in self.texts.items()}
        self.by_file = {name: objects for name, objects in documents.items() if objects}

    def __iter__(self) -> Iterator[Object]:
        return (one for objects in self.by_file.values() for one in objects)

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of one kind, by their names without the release's prefix."""
        return {one["metadata"]["name"].removeprefix(f"{RELEASE}-"): one for one in self if one["kind"] == kind}

    def pods(self) -> dict[str, Object]:
        """All pods and pod templates (metadata and spec), by component."""
        pods = [
            (one, one if one["kind"] == "Pod" else one["spec"].get("template"))
            for one in self
            if one["kind"] in {"Deployment", "StatefulSet", "Job", "Pod"}
        ]
        return {one["metadata"]["labels"]["app.kubernetes.io/component"]: pod for one, pod in pods if pod}

    def job(self) -> Object:
        """The only Job."""
        (job,) = self.of("Job").values()
        return job


def container(pod: Object) -> Object:
    """The pod's only container."""
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def variables(pod: Object) -> dict[str, Any]:
    """The container's environment: each value, or the reference to its source."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(pod).get("env", [])}


@cache
def _chart(folder: Path) -> helm.Chart:
    return helm.Chart.load(folder)


@cache
def _render(values: str, folder: Path, name: str, namespace: str) -> Rendered:
    return Rendered(_chart(folder).render(json.loads(values), name=name, namespace=namespace))


def render(values: Values, folder: Path = CHART, name: str = RELEASE, namespace: str = NAMESPACE) -> Rendered:
    """The release with these values on top of the chart's; raises helm.HelmError if the chart refuses them.

    Results are cached, and releases share equal objects, so callers must not change the objects.
    """
    return _render(json.dumps(values), folder, name, namespace)


def render_again(values: Values) -> Rendered:
    """The release, rendered by this call."""
    return _render.__wrapped__(json.dumps(values), CHART, RELEASE, NAMESPACE)
