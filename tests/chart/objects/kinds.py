"""The API server's own rules for the names, labels and annotations of each kind, which its schemas do not hold."""

import re
from collections.abc import Iterator
from typing import Any

from tests.chart.rendered import Object

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
"""RFC 1035: a Service's name begins with a letter."""
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]+")
HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAMES: dict[str, tuple[re.Pattern[str], int]] = {
    "Service": (SERVICE, 63),
    "StatefulSet": (DNS_LABEL, 52),
    "Job": (DNS_LABEL, 63),
    "Deployment": (SUBDOMAIN, 63),
    "Pod": (DNS_LABEL, 63),
}
"""What a name may be, and its length. Kubernetes makes labels of the names of StatefulSets (with a hash) and Jobs."""
LABEL_MAPS = {"labels", "matchLabels", "nodeSelector"}


def problems(one: Object) -> Iterator[str]:
    """Everything in the object that the API server, or a controller behind it, would refuse."""
    kind, metadata = one["kind"], one["metadata"]
    pattern, longest = NAMES.get(kind, (SUBDOMAIN, 253))
    name = metadata["name"]
    if not isinstance(name, str) or not pattern.fullmatch(name) or len(name) > longest:
        yield f"{kind} {name}: not a valid name of at most {longest} characters"
    if not isinstance(metadata["namespace"], str):
        yield f"{kind} {name}: namespace {metadata['namespace']!r} is not a string"
    for where, key, value in _entries(one):
        if not isinstance(value, str):
            yield f"{kind} {name}: {where}.{key} is {value!r}, not a string"
        elif where in LABEL_MAPS and not (LABEL_VALUE.fullmatch(value) and len(value) <= 63):
            yield f"{kind} {name}: {where}.{key} is {value!r}, not a valid label"
        if len(key.rpartition("/")[2]) > 63 or not LABEL_NAME.fullmatch(key.rpartition("/")[2]):
            yield f"{kind} {name}: {where} has the key {key}"


def _entries(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Every label, selector and annotation at any depth, with the name of its map."""
    if isinstance(value, list):
        for one in value:
            yield from _entries(one)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in {*LABEL_MAPS, "annotations"} and isinstance(inner, dict):
            yield from ((key, str(name), text) for name, text in inner.items())
        yield from _entries(inner)


def references(one: Object) -> Iterator[tuple[str, Any]]:
    """The names by which an object refers to others: `secretName`, `serviceAccountName` and so on."""
    yield from _references(one.get("spec"))


def _references(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key.endswith(("Name", "name", "value", "host", "key")) and not isinstance(inner, dict | list):
            yield key, inner
        yield from _references(inner)
