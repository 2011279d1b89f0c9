"""Checks that every platform in docs/kubernetes.md is shown by tests that exist, or says why not."""

import re
from functools import cache

import pytest

from tests.docs.documents import ROOT

DOCUMENT = ROOT / "docs" / "kubernetes.md"
HEADER = "| platform | what to set | shown by |\n|---|---|---|\n"
NO_TEST = "no test: "
PLATFORMS = (
    *("EKS with roles", "EKS Pod Identity", "EKS with IPv6", "OpenShift", "a proxy as", "a proxy that inspects TLS"),
    *("a service mesh", "Cilium", "Flux", "Argo CD", "KEDA", "Helm 3 and 4", "kind", "k3s", "a namespace with a"),
)
"""How the rows begin that must be there."""

ROWS = [
    [cell.strip() for cell in row.strip("|").split("|")]
    for row in DOCUMENT.read_text().partition(HEADER)[2].partition("\n\n")[0].splitlines()
]


@cache
def _tests(folder: str) -> frozenset[str]:
    """The names of all tests below a folder."""
    texts = (path.read_text() for path in (ROOT / "tests" / folder).rglob("test_*.py"))
    return frozenset(name for text in texts for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


def test_every_platform_has_a_row() -> None:
    names = [row[0] for row in ROWS]

    assert [start for start in PLATFORMS if not any(name.startswith(start) for name in names)] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_platform_names_tests_that_exist(row: list[str]) -> None:
    """An asterisk marks those that run on a cluster."""
    shown = re.findall(r"`(test_\w+)`(\\\*)?", row[2])

    assert len(row) == 3
    assert shown or row[2].startswith(NO_TEST)
    assert [name for name, _ in shown if name not in _tests("")] == []
    assert [name for name, asterisk in shown if bool(asterisk) is not (name in _tests("e2e"))] == []
