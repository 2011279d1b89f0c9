"""Checks which connections the NetworkPolicies of the notifier and of the agent's tools allow and deny."""

from collections.abc import Mapping

import pytest

from tests.chart.network import DNS, INTERNET, OTHER_NAMESPACE, OTHER_POD, PROMETHEUS, End, allowed, pod
from tests.chart.rendered import Rendered, ci, merged, render

OUTSIDE: Mapping[str, End] = {
    "agent": End({"app": "agent"}),
    "receiver": End({"app": "receiver"}, "agents"),
    "controller": End({"app": "controller"}, "ingress"),
    "collector": End({"app": "collector"}, "telemetry"),
    "other-pod": OTHER_POD,
    "other-namespace": OTHER_NAMESPACE,
    "prometheus": PROMETHEUS,
    "internet": INTERNET,
    "dns": DNS,
}
ALLOWED = [
    ("agent", "mcp", 8080),
    ("controller", "mcp", 8080),
    ("mcp", "checkout", 8084),
    ("notifier", "dynamodb", 8000),
    ("notifier", "receiver", 8080),
    *((service, "dns", 53) for service in ("mcp", "notifier")),
    *((service, "collector", 4318) for service in ("mcp", "notifier")),
    *(("prometheus", service, 9464) for service in ("mcp", "notifier")),
]
DENIED = [
    *(
        (source, "mcp", 8080)
        for source in ("other-pod", "other-namespace", "internet", "prometheus", "notifier", "test")
    ),
    *(("mcp", target, port) for target, port in (("dynamodb", 8000), ("emulator", 8087), ("pages", 8085))),
    *(("mcp", target, 443) for target in ("internet", "other-namespace")),
    *((source, "notifier", 8079) for source in ("other-pod", "prometheus", "internet", "webhook", "mcp", "test")),
    *(("notifier", target, port) for target, port in (("checkout", 8084), ("emulator", 8087), ("webhook", 8086))),
    *(("notifier", "internet", port) for port in (80, 443, 8080)),
    ("notifier", "receiver", 443),
    ("notifier", "other-namespace", 8080),
]


@pytest.fixture(scope="module")
def release() -> Rendered:
    otlp = {"endpoint": "http://otel.telemetry:4318", "namespace": "telemetry"}
    return render(merged(ci("mcp"), {"otlp": otlp}))


def end(release: Rendered, name: str) -> End:
    return OUTSIDE.get(name) or pod(release, name)


@pytest.mark.parametrize(("source", "target", "port"), ALLOWED)
def test_needed_connections_are_allowed(release: Rendered, source: str, target: str, port: int) -> None:
    assert allowed(release, end(release, source), end(release, target), port)


@pytest.mark.parametrize(("source", "target", "port"), DENIED)
def test_other_connections_are_denied(release: Rendered, source: str, target: str, port: int) -> None:
    assert not allowed(release, end(release, source), end(release, target), port)


def test_the_tools_may_call_checkout_whoever_else_may() -> None:
    release = render(merged(ci("mcp"), {"checkout": {"callers": []}}))

    assert allowed(release, pod(release, "mcp"), pod(release, "checkout"), 8084)
    assert not allowed(release, OUTSIDE["agent"], pod(release, "checkout"), 8084)


def test_without_callers_nobody_calls_the_tools() -> None:
    release = render(merged(ci("mcp"), {"mcp": {"callers": []}}))

    assert not any(allowed(release, source, pod(release, "mcp"), 8080) for source in OUTSIDE.values())
    assert allowed(release, PROMETHEUS, pod(release, "mcp"), 9464)


def test_on_aws_the_notifier_reaches_aws_and_its_receivers() -> None:
    """The tools need no address outside the cluster."""
    rules = render(ci("notifier")).of("NetworkPolicy")["notifier"]["spec"]["egress"]
    blocks = {
        peer["ipBlock"]["cidr"]: [port["port"] for port in rule["ports"]]
        for rule in rules
        for peer in rule["to"]
        if "ipBlock" in peer
    }

    assert blocks == {"0.0.0.0/0": [443], "192.0.2.0/24": [443, 8443], "198.51.100.7/32": [443, 8443]}
