"""Checks that the services answer over IPv4 and IPv6."""

import pytest

from tests.e2e.release import PORTS, Release

LOOPBACKS = ("127.0.0.1", "::1")
METRICS = 9464


@pytest.mark.parametrize("component", ["webhook", "pages", "checkout", "emulator"])
def test_a_service_answers_over_both_ip_families(release: Release, component: str) -> None:
    """Inside its pod, because the network between the pods may have one family only."""
    ports = [PORTS[component], *([] if component == "emulator" else [METRICS])]
    code = (
        f"import socket\nfor host in {LOOPBACKS}:\n  for port in {ports}:\n"
        "    socket.create_connection((host, port), 5).close(); print(host, port)"
    )

    output = release.cluster.kubectl(
        *("-n", release.namespace, "exec", release.running_pod(component), "--", "python", "-c", code)
    )

    assert output.splitlines() == [f"{host} {port}" for host in LOOPBACKS for port in ports]


def test_a_dual_stack_service_answers_over_ipv6(release: Release) -> None:
    """Only where the cluster has both families."""
    ranges = [cidr for node in release.cluster.get("nodes")["items"] for cidr in node["spec"]["podCIDRs"]]
    if not any(":" in cidr for cidr in ranges):
        pytest.skip(f"the pods of this cluster have no IPv6 addresses: {', '.join(ranges)}")
    [pod, *_] = release.objects("pods", "webhook")
    [address] = [one["ip"] for one in pod["status"]["podIPs"] if ":" in one["ip"]]
    code = f"import socket; socket.create_connection(({address!r}, {PORTS['webhook']}), 5)"

    release.cluster.kubectl("-n", release.namespace, "exec", release.running_pod("pages"), "--", "python", "-c", code)
