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


def test_a_pod_answers_on_each_of_its_addresses(release: Release) -> None:
    """One address for each family of the cluster; from inside, because the policies deny most other pods."""
    name = release.running_pod("webhook")
    pod = release.cluster.get("-n", release.namespace, "pod", name)
    addresses = [one["ip"] for one in pod["status"]["podIPs"]]
    code = (
        f"import socket\nfor host in {addresses}:\n"
        f"  socket.create_connection((host, {PORTS['webhook']}), 5).close(); print(host)"
    )

    output = release.cluster.kubectl("-n", release.namespace, "exec", name, "--", "python", "-c", code)

    assert output.splitlines() == addresses
