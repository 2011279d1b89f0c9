"""Reads the IAM permissions of the services from the table in docs/kubernetes.md."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

HEADER = "| service | actions on the table | actions on `table/…/index/*` |"
COMPONENTS = ("webhook", "pages", "checkout", "reconciler", "notifier", "table-init")


class Permissions(NamedTuple):
    """The actions that a role allows, on the table and on its indexes."""

    table: Sequence[str]
    indexes: Sequence[str]


def documented_permissions(document: str) -> Mapping[str, Permissions]:
    """Component: what its role allows. Raises ValueError if the table has other components than the chart."""
    rows = document.partition(HEADER)[2].partition("\n\n")[0].splitlines()[2:]
    permissions = {}
    for row in rows:
        service, table, indexes = row.strip("|").split("|")
        name = re.findall(r"`([a-z-]+)`", service)[0]
        permissions[name] = Permissions(_actions(table), _actions(indexes))
    if tuple(permissions) != COMPONENTS:
        raise ValueError(f"the table of permissions names {list(permissions)}, not {list(COMPONENTS)}")
    return permissions


def _actions(cell: str) -> list[str]:
    return re.findall(r"`dynamodb:(\w+)`", cell)
