"""The NetworkPolicies: what may speak with what, and nothing else."""

import pytest

from tests.chart.network import DNS, ELSEWHERE, INTERNET, PROMETHEUS, STRANGER, End, allowed, pod
from tests.chart.rendered import SETS, WORKERS, Rendered, ci, merged, read, render

OUTSIDE = {
    "stranger": STRANGER,
    "elsewhere": ELSEWHERE,
    "prometheus": PROMETHEUS,
    "internet": INTERNET,
    "dns": DNS,
}
LOCAL_ALLOWED = [
    ("internet", "webhook", 8086),
    ("stranger", "webhook", 8086),
    ("elsewhere", "webhook", 8086),
    ("internet", "pages", 8085),
    ("stranger", "checkout", 8084),
    ("webhook", "dynamodb", 8000),
    ("pages", "dynamodb", 8000),
    ("checkout", "dynamodb", 8000),
    ("reconciler", "dynamodb", 8000),
    ("table-init", "dynamodb", 8000),
    ("dynamodb-admin", "dynamodb", 8000),
    ("checkout", "emulator", 8087),
    ("reconciler", "emulator", 8087),
    ("stranger", "emulator", 8087),
    ("emulator", "webhook", 8086),
    *((part, "dns", 53) for part in (*WORKERS, "table-init", "dynamodb-admin", "emulator", "test")),
    *(("prometheus", part, 9464) for part in WORKERS),
    *(("test", part, port) for part, port in (("webhook", 8086), ("pages", 8085), ("checkout", 8084))),
]
LOCAL_DENIED = [
    ("pages", "checkout", 8084),
    ("webhook", "checkout", 8084),
    ("emulator", "checkout", 8084),
    ("emulator", "dynamodb", 8000),
    ("emulator", "pages", 8085),
    ("emulator", "internet", 443),
    ("stranger", "dynamodb", 8000),
    ("elsewhere", "dynamodb", 8000),
    ("stranger", "dynamodb-admin", 8001),
    ("elsewhere", "checkout", 8084),
    ("internet", "checkout", 8084),
    ("elsewhere", "emulator", 8087),
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
    *((part, "internet", 443) for part in WORKERS),
    *((source, "reconciler", 8083) for source in ("stranger", "elsewhere", "prometheus", "internet", "test")),
    *(("reconciler", part, port) for part, port in (("webhook", 8086), ("pages", 8085), ("checkout", 8084))),
    *(("stranger", part, 9464) for part in WORKERS),
    *(("elsewhere", part, 9464) for part in WORKERS),
    *(("internet", part, 9464) for part in WORKERS),
    ("prometheus", "checkout", 8084),
    ("prometheus", "dynamodb", 8000),
]


@pytest.fixture(scope="module")
def local() -> Rendered:
    return render(ci("emulator"))


def end(release: Rendered, name: str) -> End:
    return OUTSIDE.get(name) or pod(release, name)


@pytest.mark.parametrize(("source", "target", "port"), LOCAL_ALLOWED)
def test_what_is_needed_may_pass(local: Rendered, source: str, target: str, port: int) -> None:
    assert allowed(local, end(local, source), end(local, target), port)


@pytest.mark.parametrize(("source", "target", "port"), LOCAL_DENIED)
def test_what_is_not_needed_may_not_pass(local: Rendered, source: str, target: str, port: int) -> None:
    assert not allowed(local, end(local, source), end(local, target), port)


def test_every_pod_is_denied_what_no_rule_names_both_ways(local: Rendered) -> None:
    for name in local.pods():
        assert not allowed(local, pod(local, name), ELSEWHERE, 1234), name
        assert not allowed(local, ELSEWHERE, pod(local, name), 1234), name


def test_a_pod_of_the_release_that_no_policy_of_its_own_names_is_denied_everything(local: Rendered) -> None:
    new = End({**pod(local, "webhook").labels, "app.kubernetes.io/component": "new"})

    assert not allowed(local, new, ELSEWHERE, 443)
    assert not allowed(local, new, DNS, 53)
    assert not allowed(local, ELSEWHERE, new, 8080)


def test_in_a_sandbox_checkout_and_reconciler_alone_reach_the_internet_and_only_by_tls() -> None:
    release = render(ci("sandbox"))
    reach = {name for name in release.pods() if allowed(release, pod(release, name), INTERNET, 443)}

    assert reach == {"checkout", "reconciler"}
    assert not any(allowed(release, pod(release, name), INTERNET, 80) for name in reach)


@pytest.mark.parametrize("values", ["aws", "staging", "production"])
def test_on_aws_the_parts_reach_it_by_tls_only(values: str) -> None:
    release = render(read(*SETS[values]))
    reach = {name for name in release.pods() if allowed(release, pod(release, name), INTERNET, 443)}

    assert reach == {*WORKERS, "table-init"} & release.pods().keys()
    assert not any(allowed(release, pod(release, name), INTERNET, 80) for name in release.pods())


def test_on_aws_the_addresses_can_be_narrowed() -> None:
    release = render(merged(ci("aws"), {"networkPolicy": {"awsCidrs": ["10.0.0.0/16"]}}))

    assert not allowed(release, pod(release, "webhook"), INTERNET, 443)
    assert allowed(release, pod(release, "checkout"), INTERNET, 443), "Stripe is somewhere else"


def test_with_pod_identity_the_agent_of_the_node_can_be_asked() -> None:
    for name, policy in render(ci("pod-identity")).of("NetworkPolicy").items():
        agent = [
            rule
            for rule in policy["spec"].get("egress", [])
            if {"ipBlock": {"cidr": "169.254.170.23/32"}} in rule["to"] and rule["ports"] == [{"port": 80}]
        ]
        assert bool(agent) == (name in WORKERS), name


def test_traces_may_leave_to_the_collectors_namespace_at_its_port_only() -> None:
    release = render(ci("telemetry"))
    collector = End({"app": "collector"}, "telemetry")

    for part in WORKERS:
        assert allowed(release, pod(release, part), collector, 4318)
        assert not allowed(release, pod(release, part), collector, 4317)
        assert not allowed(release, pod(release, part), ELSEWHERE, 4318)
    assert not allowed(release, pod(release, "emulator"), collector, 4318)


def test_the_monitoring_namespace_can_be_another() -> None:
    release = render(ci("telemetry"))

    assert allowed(release, End({}, "prometheus"), pod(release, "webhook"), 9464)
    assert not allowed(release, PROMETHEUS, pod(release, "webhook"), 9464)


def test_callers_of_checkout_can_be_narrowed() -> None:
    callers = [{"podSelector": {"matchLabels": {"app": "agent"}}}]
    release = render(merged(ci("emulator"), {"checkout": {"callers": callers}}))
    none = render(merged(ci("emulator"), {"checkout": {"callers": []}}))

    assert allowed(release, End({"app": "agent"}), pod(release, "checkout"), 8084)
    assert not allowed(release, STRANGER, pod(release, "checkout"), 8084)
    assert not allowed(none, STRANGER, pod(none, "checkout"), 8084)
    assert allowed(none, pod(none, "test"), pod(none, "checkout"), 8084)


def test_code_of_ones_own_can_be_let_to_dynamodb_local() -> None:
    callers = [{"podSelector": {"matchLabels": {"app": "stranger"}}}]
    release = render(merged(ci("emulator"), {"dynamodb": {"local": {"callers": callers}}}))

    assert allowed(release, STRANGER, pod(release, "dynamodb"), 8000)
    assert not allowed(release, ELSEWHERE, pod(release, "dynamodb"), 8000)


def test_more_ways_out_can_be_added_to_the_parts() -> None:
    rule = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]}
    release = render(merged(ci("emulator"), {"networkPolicy": {"extraEgress": [rule]}}))

    assert all(allowed(release, pod(release, part), ELSEWHERE, 3128) for part in WORKERS)
    assert not allowed(release, pod(release, "emulator"), ELSEWHERE, 3128)


def test_policies_can_be_switched_off() -> None:
    assert render(ci("no-networkpolicy")).of("NetworkPolicy") == {}
