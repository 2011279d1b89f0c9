"""Checks two releases with the longest names that Helm allows, which differ only at their ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.load.payments import pay
from tests.e2e.release import Release

NAMESPACE = "previews"
LONGEST = 53
NAMES = [
    f"{'1234-preview-of-feature-jira-1234-customer-page-with':.<{LONGEST - 1}}{end}".replace(".", "-") for end in "ab"
]
SMALL = {
    "serviceDefaults.replicas": "1",
    "dynamodb.admin.enabled": "false",
    "reconciler.enabled": "false",
    "otlp.endpoint": "",
}


@pytest.fixture(scope="module")
def previews(images: Cluster, root: Path) -> Iterator[list[Release]]:
    """Both releases in one namespace."""
    images.kubectl("delete", "--ignore-not-found", "namespace", NAMESPACE)
    images.create_namespace(NAMESPACE)
    values = root / "k8s-local" / "values.yaml"
    releases = [Release(images, root / "charts" / "lea-payments", values, NAMESPACE, name) for name in NAMES]
    small = ("--set", ",".join(f"{name}={value}" for name, value in SMALL.items()))
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda release: release.install("e2e-1", *small), releases))
    yield releases
    images.kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", NAMESPACE)


def test_two_releases_with_long_names_work_side_by_side(previews: list[Release]) -> None:
    assert {len(release.name) for release in previews} == {LONGEST}
    assert previews[0].name[:46] == previews[1].name[:46]

    payments = [pay(release)[0] for release in previews]

    for release, payment, other in zip(previews, payments, reversed(payments), strict=True):
        with release.records() as records:
            assert records.get(payment).payment_status == "completed"
            assert not records.get_all([other])
