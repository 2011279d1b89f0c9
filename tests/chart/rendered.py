"""The chart as Helm's own engine renders it, without a cluster or a helm binary; what a test asks of the objects."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "lea-payments"
LOCAL = ROOT / "k8s-local" / "values.yaml"
STAGING = CHART / "values-staging.yaml"
PRODUCTION = CHART / "values-production.yaml"
RELEASE = "lea-payments"
NAMESPACE = "lea"
PARTS = ("webhook", "pages", "checkout")
"""Those that are asked for something, by Services of their own."""

WORKERS = (*PARTS, "reconciler")
OTHERS_KINDS = {"HTTPRoute", "ServiceMonitor"}
"""Kinds that Kubernetes itself does not know: their schemas come with their operators."""

Object = dict[str, Any]
Values = dict[str, Any]


def merged(values: Values, more: Mapping[str, Any]) -> Values:
    """The values with more of them on top, as Helm lays files over each other; None takes a value away."""
    whole = copy.deepcopy(values)
    for key, value in more.items():
        if value is None:
            whole.pop(key, None)
            continue
        below = whole.get(key)
        whole[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return whole


def read(*files: Path) -> Values:
    """The values in these files, later ones on top."""
    whole: Values = {}
    for file in files:
        whole = merged(whole, yaml.safe_load(file.read_text()))
    return whole


def ci(behaviour: str) -> Values:
    """The values of `ci/<behaviour>-values.yaml`."""
    return read(CHART / "ci" / f"{behaviour}-values.yaml")


SETS: Mapping[str, tuple[Path, ...]] = {
    **{file.name.removesuffix("-values.yaml"): (file,) for file in sorted((CHART / "ci").glob("*-values.yaml"))},
    "k8s-local": (LOCAL,),
    "staging": (STAGING,),
    "production": (STAGING, PRODUCTION),
}
"""Every set of values that the chart comes with."""


class Rendered:
    """The objects of one release, by the file that each came from."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.notes = next((text for name, text in files.items() if name.endswith("/NOTES.txt")), "")
        documents = {
            name.partition("/templates/")[2]: [found for found in yaml.safe_load_all(text) if found]
            for name, text in files.items()
            if name.endswith(".yaml")
        }
        self.by_file = {name: found for name, found in documents.items() if found}

    def __iter__(self) -> Iterator[Object]:
        return (found for objects in self.by_file.values() for found in objects)

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of one kind, by what follows the release's name in theirs."""
        return {found["metadata"]["name"].removeprefix(f"{RELEASE}-"): found for found in self if found["kind"] == kind}

    def pods(self) -> dict[str, Object]:
        """Every pod or pod template (its metadata and spec), by its component."""
        found = [
            (one, one if one["kind"] == "Pod" else one["spec"].get("template"))
            for one in self
            if one["kind"] in {"Deployment", "StatefulSet", "Job", "Pod"}
        ]
        return {one["metadata"]["labels"]["app.kubernetes.io/component"]: pod for one, pod in found if pod}

    def job(self) -> Object:
        """The only Job."""
        (found,) = self.of("Job").values()
        return found


def container(pod: Object) -> Object:
    """The pod's only container."""
    (found,) = pod["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def variables(pod: Object) -> dict[str, Any]:
    """The container's environment: a text, or where the text comes from."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(pod).get("env", [])}


@cache
def _chart(folder: Path) -> helm.Chart:
    return helm.Chart.load(folder)


@cache
def _render(values: str, folder: Path, name: str) -> Rendered:
    return Rendered(_chart(folder).render(json.loads(values), name=name, namespace=NAMESPACE))


def render(values: Values, folder: Path = CHART, name: str = RELEASE) -> Rendered:
    """The release with these values on top of the chart's; raises helm.HelmError when the chart refuses them.

    The same values give the same objects: look at them, change none.
    """
    return _render(json.dumps(values), folder, name)
