"""The schemas of Kubernetes, each without references to the others; also as files for kubeconform."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import yaml

from tests.chart.rendered import KUBERNETES, OPERATOR_KINDS

PACKAGED = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"


def write(folder: Path, manifests: Iterable[Path]) -> str:
    """Writes one schema for each kind in the manifests, and returns their place in kubeconform's terms."""
    folder.mkdir()
    kinds = {
        (one["apiVersion"], one["kind"])
        for manifest in manifests
        for one in yaml.safe_load_all(manifest.read_text())
        if one["kind"] not in OPERATOR_KINDS
    }
    for api_version, kind in kinds:
        (folder / _file(api_version, kind)).write_text(json.dumps(schema(api_version, kind)))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def schema(api_version: str, kind: str) -> dict[str, Any]:
    """The schema of a kind, which refuses unknown fields; raises FileNotFoundError if Kubernetes does not know it."""
    return {**_load(_file(api_version, kind)), "$defs": _load("_definitions.json")["$defs"]}


def _file(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    parts = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
    return f"{'-'.join(parts)}.json"


@cache
def _load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PACKAGED / name).read_text().replace("/api/_definitions.json#", "#"))
    return {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
