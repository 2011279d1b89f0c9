"""Gives pods the users of their namespace's range, and refuses others, as OpenShift's restricted-v2 does."""

from typing import Any

FIRST, COUNT = 1000650000, 10000
KEYS = ("runAsUser", "fsGroup")


def problem(pod: dict[str, Any]) -> str | None:
    """Which user or group of the pod is outside the range, if any is."""
    contexts = [pod["spec"].get("securityContext", {})]
    containers = (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])
    contexts += [container.get("securityContext", {}) for container in containers]
    for context in contexts:
        for key in KEYS:
            if key in context and not FIRST <= context[key] < FIRST + COUNT:
                return f"{key} {context[key]} is not in the range of the namespace"
    return None


def assign(pod: dict[str, Any]) -> None:
    """Sets the first user of the range. Its group is root, as in images that follow OpenShift's guidelines."""
    pod["spec"].setdefault("securityContext", {}).update(dict.fromkeys(KEYS, FIRST) | {"runAsGroup": 0})
