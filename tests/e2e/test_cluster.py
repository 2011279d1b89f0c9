"""Checks a fresh release on a real cluster: a payment, its pods, and the connections that the network allows."""

import httpx
import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.load.events import OUTSIDE
from tests.e2e.load.payments import pay
from tests.e2e.release import MONITORING, NAMESPACE, Release


def test_a_payment_completes_and_its_page_shows_it(release: Release) -> None:
    payment_id, session = pay(release)

    with release.at("pages", "/readyz") as pages:
        page = httpx.get(f"{pages}/success", params={"session_id": session})
    assert "Payment received" in page.text
    with release.records() as table:
        assert table.get(payment_id).payment_status == "completed"


def test_the_helm_test_of_the_chart_passes(release: Release) -> None:
    output = release.test()

    assert "Succeeded" in output


def test_every_pod_runs_in_a_restricted_namespace(release: Release) -> None:
    pods = release.objects("pods")

    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods} >= {
        *("webhook", "pages", "checkout", "reconciler", "dynamodb", "emulator"),
    }
    assert {pod["status"]["phase"] for pod in pods} <= {"Running", "Succeeded"}


def test_the_volume_is_bound(release: Release) -> None:
    claims = release.cluster.get("-n", NAMESPACE, "persistentvolumeclaims")["items"]

    assert [claim["status"]["phase"] for claim in claims] == ["Bound"]


def test_allowed_connections_succeed(release: Release, probes: Cluster) -> None:
    host = {name: f"{release.service(name)}.{NAMESPACE}" for name in ("webhook", "pages", "checkout", "dynamodb")}
    webhook_ip = next(pod["status"]["podIP"] for pod in release.objects("pods", "webhook"))

    assert probes.connects(NAMESPACE, release.running_pod("webhook"), host["dynamodb"], 8000)
    assert probes.connects(NAMESPACE, release.running_pod("emulator"), host["webhook"], 8086)
    assert probes.connects(OUTSIDE, "probe", host["webhook"], 8086)
    assert probes.connects(OUTSIDE, "probe", host["pages"], 8085)
    assert probes.connects(MONITORING, "probe", webhook_ip, 9464)
    assert probes.connects(OUTSIDE, "probe", "1.1.1.1", 443), "an unrestricted pod must reach the internet"


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("pages", "checkout", 8084),
        ("emulator", "dynamodb", 8000),
        ("outside", "dynamodb", 8000),
        ("outside", "checkout", 8084),
        ("outside", "metrics of webhook", 9464),
        ("webhook", "internet", 443),
    ],
)
def test_denied_connections_fail(release: Release, probes: Cluster, source: str, target: str, port: int) -> None:
    if target == "internet":
        host = "1.1.1.1"
    elif target.startswith("metrics"):
        host = next(pod["status"]["podIP"] for pod in release.objects("pods", "webhook"))
    else:
        host = f"{release.service(target)}.{NAMESPACE}"
    namespace, pod = (OUTSIDE, "probe") if source == "outside" else (NAMESPACE, release.running_pod(source))

    assert not probes.connects(namespace, pod, host, port)
