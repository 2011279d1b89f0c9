"""Checks which connections the NetworkPolicies allow and deny."""

import pytest

from tests.chart.network import DNS, INTERNET, OTHER_NAMESPACE, OTHER_POD, PROMETHEUS, End, allowed, pod
from tests.chart.rendered import SERVICES, SETS, Rendered, ci, merged, read, render

OUTSIDE = {
    "other-pod": OTHER_POD,
    "other-namespace": OTHER_NAMESPACE,
    "prometheus": PROMETHEUS,
    "internet": INTERNET,
    "dns": DNS,
}
LOCAL_ALLOWED = [
    ("internet", "webhook", 8086),
    ("other-pod", "webhook", 8086),
    ("other-namespace", "webhook", 8086),
    ("internet", "pages", 8085),
    ("other-pod", "checkout", 8084),
    ("webhook", "dynamodb", 8000),
    ("pages", "dynamodb", 8000),
    ("checkout", "dynamodb", 8000),
    ("reconciler", "dynamodb", 8000),
    ("table-init", "dynamodb", 8000),
    ("dynamodb-admin", "dynamodb", 8000),
    ("checkout", "emulator", 8087),
    ("reconciler", "emulator", 8087),
    ("other-pod", "emulator", 8087),
    ("emulator", "webhook", 8086),
    *((service, "dns", 53) for service in (*SERVICES, "table-init", "dynamodb-admin", "emulator", "test")),
    *(("prometheus", service, 9464) for service in SERVICES),
    *(
        ("test", service, port)
        for service, port in (("webhook", 8086), ("pages", 8085), ("checkout", 8084), ("emulator", 8087))
    ),
]
LOCAL_DENIED = [
    ("pages", "checkout", 8084),
    ("webhook", "checkout", 8084),
    ("emulator", "checkout", 8084),
    ("emulator", "dynamodb", 8000),
    ("emulator", "pages", 8085),
    ("emulator", "internet", 443),
    ("other-pod", "dynamodb", 8000),
    ("other-namespace", "dynamodb", 8000),
    ("other-pod", "dynamodb-admin", 8001),
    ("other-namespace", "checkout", 8084),
    ("internet", "checkout", 8084),
    ("other-namespace", "emulator", 8087),
    ("webhook", "emulator", 8087),
    ("pages", "emulator", 8087),
    ("dynamodb", "internet", 443),
    ("dynamodb", "dns", 53),
    ("dynamodb", "webhook", 8086),
    ("dynamodb-admin", "webhook", 8086),
    ("dynamodb-admin", "internet", 443),
    ("table-init", "internet", 443),
    ("table-init", "webhook", 8086),
    ("test", "dynamodb", 8000),
    ("test", "internet", 443),
    *((service, "internet", 443) for service in SERVICES),
    *((source, "reconciler", 8083) for source in ("other-pod", "other-namespace", "prometheus", "internet", "test")),
    *(("reconciler", service, port) for service, port in (("webhook", 8086), ("pages", 8085), ("checkout", 8084))),
    *(("other-pod", service, 9464) for service in SERVICES),
    *(("other-namespace", service, 9464) for service in SERVICES),
    *(("internet", service, 9464) for service in SERVICES),
    ("prometheus", "checkout", 8084),
    ("prometheus", "dynamodb", 8000),
]


@pytest.fixture(scope="module")
def local() -> Rendered:
    return render(ci("emulator"))


def end(release: Rendered, name: str) -> End:
    return OUTSIDE.get(name) or pod(release, name)


@pytest.mark.parametrize(("source", "target", "port"), LOCAL_ALLOWED)
def test_needed_connections_are_allowed(local: Rendered, source: str, target: str, port: int) -> None:
    assert allowed(local, end(local, source), end(local, target), port)


@pytest.mark.parametrize(("source", "target", "port"), LOCAL_DENIED)
def test_other_connections_are_denied(local: Rendered, source: str, target: str, port: int) -> None:
    assert not allowed(local, end(local, source), end(local, target), port)


def test_traffic_that_no_rule_allows_is_denied_both_ways(local: Rendered) -> None:
    for name in local.pods():
        assert not allowed(local, pod(local, name), OTHER_NAMESPACE, 1234), name
        assert not allowed(local, OTHER_NAMESPACE, pod(local, name), 1234), name


def test_a_pod_without_a_policy_of_its_own_is_denied_everything(local: Rendered) -> None:
    new = End({**pod(local, "webhook").labels, "app.kubernetes.io/component": "new"})

    assert not allowed(local, new, OTHER_NAMESPACE, 443)
    assert not allowed(local, new, DNS, 53)
    assert not allowed(local, OTHER_NAMESPACE, new, 8080)


def test_with_a_sandbox_only_two_services_reach_the_internet() -> None:
    """checkout and reconciler, and only by TLS."""
    release = render(ci("sandbox"))
    reach = {name for name in release.pods() if allowed(release, pod(release, name), INTERNET, 443)}

    assert reach == {"checkout", "reconciler"}
    assert not any(allowed(release, pod(release, name), INTERNET, 80) for name in reach)


@pytest.mark.parametrize("values", ["aws", "staging", "production"])
def test_on_aws_the_services_reach_it_only_by_tls(values: str) -> None:
    release = render(read(*SETS[values]))
    reach = {name for name in release.pods() if allowed(release, pod(release, name), INTERNET, 443)}

    assert reach == {*SERVICES, "table-init", "test"} & release.pods().keys()
    assert not any(allowed(release, pod(release, name), INTERNET, 80) for name in release.pods())


def test_the_cidrs_of_aws_can_be_narrowed() -> None:
    release = render(merged(ci("aws"), {"networkPolicy": {"awsCidrs": ["10.0.0.0/16"]}}))

    assert not allowed(release, pod(release, "webhook"), INTERNET, 443)
    assert allowed(release, pod(release, "checkout"), INTERNET, 443), "Stripe has other addresses"


def test_with_pod_identity_services_reach_the_nodes_agent() -> None:
    for name, policy in render(ci("pod-identity")).of("NetworkPolicy").items():
        agent = [rule for rule in policy["spec"].get("egress", []) if rule["ports"] == [{"port": 80}]]
        cidrs = [[peer["ipBlock"]["cidr"] for peer in rule["to"]] for rule in agent]
        expected = [["169.254.170.23/32"]] if name in {*SERVICES, "test"} else []
        assert cidrs == expected, name


FAMILIES = [
    (["0.0.0.0/0"], {"169.254.170.23/32"}),
    (["::/0"], {"fd00:ec2::23/128"}),
    (["10.0.0.0/8", "fd00::/8"], {"169.254.170.23/32", "fd00:ec2::23/128"}),
]
"""The values' CIDRs of AWS, and the addresses of the node's agent that they allow."""


@pytest.mark.parametrize(("cidrs", "agents"), FAMILIES, ids=["IPv4", "IPv6", "both"])
def test_the_address_families_are_those_of_the_cluster(cidrs: list[str], agents: set[str]) -> None:
    """Amazon's network agent of 2024 applied no rule of a policy with a family that the cluster lacks."""
    values = {"networkPolicy": {"awsCidrs": cidrs}, "otlp": {"endpoint": "http://$(HOST_IP):4318"}}
    policy = render(merged(ci("pod-identity"), values)).of("NetworkPolicy")["webhook"]["spec"]
    blocks = {
        rule["ports"][0]["port"]: {peer["ipBlock"]["cidr"] for peer in rule["to"]}
        for rule in policy["egress"]
        if "ipBlock" in rule["to"][0]
    }

    assert blocks[80] == agents
    assert blocks[4318] == {"::/0" if ":" in cidr else "0.0.0.0/0" for cidr in cidrs}


@pytest.mark.parametrize("endpoint", ["http://$(HOST_IP):4318", "http://otel.example.com:4318/v1"])
def test_a_collector_outside_the_cluster_can_be_narrowed(endpoint: str) -> None:
    values = {"otlp": {"endpoint": endpoint, "cidrs": ["10.0.0.0/8"]}}
    rules = render(merged(ci("emulator"), values)).of("NetworkPolicy")["pages"]["spec"]["egress"]

    assert {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 4318}]} in rules


def test_traces_may_go_only_to_the_collectors_port() -> None:
    release = render(ci("telemetry"))
    collector = End({"app": "collector"}, "telemetry")

    for service in SERVICES:
        assert allowed(release, pod(release, service), collector, 4318)
        assert not allowed(release, pod(release, service), collector, 4317)
        assert not allowed(release, pod(release, service), OTHER_NAMESPACE, 4318)
    assert not allowed(release, pod(release, "emulator"), collector, 4318)


def test_the_monitoring_namespace_can_be_changed() -> None:
    release = render(ci("telemetry"))

    assert allowed(release, End({}, "prometheus"), pod(release, "webhook"), 9464)
    assert not allowed(release, PROMETHEUS, pod(release, "webhook"), 9464)


def test_the_callers_of_checkout_can_be_narrowed() -> None:
    callers = [{"podSelector": {"matchLabels": {"app": "agent"}}}]
    release = render(merged(ci("emulator"), {"checkout": {"callers": callers}}))
    none = render(merged(ci("emulator"), {"checkout": {"callers": []}}))

    assert allowed(release, End({"app": "agent"}), pod(release, "checkout"), 8084)
    assert not allowed(release, OTHER_POD, pod(release, "checkout"), 8084)
    assert not allowed(none, OTHER_POD, pod(none, "checkout"), 8084)
    assert allowed(none, pod(none, "test"), pod(none, "checkout"), 8084)


def test_more_callers_of_dynamodb_local_can_be_allowed() -> None:
    callers = [{"podSelector": {"matchLabels": {"app": "other-pod"}}}]
    release = render(merged(ci("emulator"), {"dynamodb": {"local": {"callers": callers}}}))

    assert allowed(release, OTHER_POD, pod(release, "dynamodb"), 8000)
    assert not allowed(release, OTHER_NAMESPACE, pod(release, "dynamodb"), 8000)


def test_more_egress_can_be_allowed_for_the_services() -> None:
    rule = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other-namespace"}}}]}
    release = render(merged(ci("emulator"), {"networkPolicy": {"extraEgress": [rule]}}))

    assert all(allowed(release, pod(release, service), OTHER_NAMESPACE, 3128) for service in SERVICES)
    assert not allowed(release, pod(release, "emulator"), OTHER_NAMESPACE, 3128)


def test_the_network_policies_can_be_disabled() -> None:
    assert render(ci("no-networkpolicy")).of("NetworkPolicy") == {}
