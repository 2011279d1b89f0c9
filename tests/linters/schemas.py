"""Writes the schemas of Kubernetes for kubeconform, which cannot follow the references between the packaged ones."""

import json
from collections.abc import Iterable
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
    definitions = _load("_definitions.json")["$defs"]
    for api_version, kind in kinds:
        group, _, version = api_version.rpartition("/")
        parts = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
        name = f"{'-'.join(parts)}.json"
        (folder / name).write_text(json.dumps(_load(name) | {"$defs": definitions}))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PACKAGED / name).read_text().replace("/api/_definitions.json#", "#"))
    return {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
