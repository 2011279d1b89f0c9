"""Checks that the notifier and the agent's tools get the values for all pods, and those of `serviceDefaults`."""

from typing import Any

import pytest

from lea_payments.serving import server
from lea_payments.telemetry import setup
from tests.chart.rendered import Rendered, ci, container, merged, render, variables

BOTH = ("notifier", "mcp")


def with_both(values: str, **changes: Any) -> Rendered:
    """A set of values with both services."""
    both = {name: ci("mcp")[name] for name in BOTH}
    return render(merged(merged(ci(values), both), changes))


@pytest.fixture(scope="module")
def company() -> Rendered:
    return with_both("company")


@pytest.mark.parametrize("service", BOTH)
def test_a_companys_values_reach_the_service(company: Rendered, service: str) -> None:
    pods, deployment = company.pods(), company.of("Deployment")[service]
    own, checkout = container(pods[service]), container(pods["checkout"])

    assert own["envFrom"] == checkout["envFrom"]
    assert variables(pods[service])["AWS_CA_BUNDLE"] == "/etc/company-ca/ca.crt"
    assert {"name": "ca", "mountPath": "/etc/company-ca", "readOnly": True} in own["volumeMounts"]
    for field in ("nodeSelector", "tolerations", "hostAliases", "securityContext"):
        assert pods[service]["spec"][field] == pods["checkout"]["spec"][field]
    assert pods[service]["metadata"]["labels"]["cost-center"] == "42"
    assert deployment["metadata"]["annotations"]["reloader.stakater.com/auto"] == "true"
    assert deployment["spec"]["replicas"] == 5


@pytest.mark.parametrize("service", BOTH)
def test_the_egress_of_all_pods_and_of_the_collector_is_allowed(company: Rendered, service: str) -> None:
    rules = company.of("NetworkPolicy")[service]["spec"]["egress"]

    assert {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 3128}]} in rules
    assert any(rule["ports"] == [{"port": 4318}] for rule in rules)


@pytest.mark.parametrize("service", BOTH)
def test_it_has_the_probes_and_the_drain_of_the_others(service: str) -> None:
    pods = with_both("proxy").pods()
    own, webhook = container(pods[service]), container(pods["webhook"])

    assert all(own[probe] == webhook[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe"))
    assert variables(pods[service])["DRAIN_SECONDS"] == "30"
    assert pods[service]["spec"]["terminationGracePeriodSeconds"] > 30 + server.SHUTDOWN_SECONDS + setup.STOP_SECONDS


@pytest.mark.parametrize("service", BOTH)
def test_autoscaling_for_all_services_scales_it_too(service: str) -> None:
    release = with_both("emulator", serviceDefaults={"autoscaling": {"enabled": True}})

    assert release.of("HorizontalPodAutoscaler")[service]["spec"]["scaleTargetRef"]["name"].endswith(service)
    assert "replicas" not in release.of("Deployment")[service]["spec"]
    assert service in release.of("PodDisruptionBudget")


@pytest.mark.parametrize("service", BOTH)
def test_a_single_pod_has_no_disruption_budget(service: str) -> None:
    assert service not in with_both("single").of("PodDisruptionBudget")


@pytest.mark.parametrize("service", BOTH)
def test_a_namespace_can_choose_its_user(service: str) -> None:
    pod = with_both("openshift").pods()[service]
    (mode,) = {volume["secret"]["defaultMode"] for volume in pod["spec"]["volumes"] if "secret" in volume}

    assert not pod["spec"]["securityContext"].keys() & {"runAsUser", "runAsGroup", "fsGroup"}
    assert mode == 0o444
