"""Checks how the services start, stop and scale."""

import pytest

from lea_payments.serving import health, server
from lea_payments.telemetry import setup
from tests.chart.rendered import REPLICATED, SERVICES, Rendered, ci, container, merged, render


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_time_to_drain_before_it_is_killed(service: str) -> None:
    spec = render(ci("emulator")).pods()[service]["spec"]
    drain = next(int(each["value"]) for each in spec["containers"][0]["env"] if each["name"] == "DRAIN_SECONDS")

    assert drain == 10
    assert spec["terminationGracePeriodSeconds"] > drain + server.SHUTDOWN_SECONDS + setup.STOP_SECONDS
    assert "lifecycle" not in spec["containers"][0]


def test_the_time_of_the_drain_is_a_value() -> None:
    spec = render(ci("proxy")).pods()["webhook"]["spec"]

    assert spec["terminationGracePeriodSeconds"] == 65
    assert {"name": "DRAIN_SECONDS", "value": "30"} in spec["containers"][0]["env"]


def test_every_pod_of_the_image_knows_the_proxy() -> None:
    pods = render(ci("proxy")).pods()
    ours = [pods[name] for name in (*SERVICES, "table-init")]

    assert all(
        {"HTTPS_PROXY", "NO_PROXY", "AWS_CA_BUNDLE"} <= {each["name"] for each in container(pod)["env"]} for pod in ours
    )


def test_no_pod_listens_on_ipv4_only() -> None:
    pods = render(ci("emulator")).pods().values()
    hosts = [each["value"] for pod in pods for each in container(pod).get("env", ()) if each["name"] == "HOST"]

    assert hosts == ["::"]


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_readiness_probe_checks_the_table(service: str) -> None:
    pod = container(render(ci("emulator")).pods()[service])
    paths = {probe: pod[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}

    assert paths == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert pod["readinessProbe"]["timeoutSeconds"] > health.READY_CACHE_SECONDS


@pytest.mark.parametrize("service", REPLICATED)
def test_a_rollout_never_has_fewer_pods(service: str) -> None:
    strategy = render(ci("emulator")).of("Deployment")[service]["spec"]["strategy"]["rollingUpdate"]

    assert strategy["maxUnavailable"] == 0
    assert strategy["maxSurge"] > 0


def test_a_service_with_autoscaling_has_no_number_of_pods() -> None:
    release = render(ci("autoscaling"))
    numbered = {name for name, one in release.of("Deployment").items() if "replicas" in one["spec"]}

    assert release.of("HorizontalPodAutoscaler").keys() == {"webhook", "pages"}
    assert numbered.isdisjoint({"webhook", "pages"})
    assert "checkout" in numbered


@pytest.mark.parametrize(
    ("values", "budgets"),
    [
        ("emulator", {"webhook", "pages", "checkout"}),
        ("single", set()),
        ("autoscaling", {"webhook", "checkout"}),
        ("no-checkout", {"webhook", "pages"}),
    ],
)
def test_a_service_with_two_pods_has_a_disruption_budget(values: str, budgets: set[str]) -> None:
    assert render(ci(values)).of("PodDisruptionBudget").keys() == budgets


def test_a_disruption_budget_can_be_disabled() -> None:
    release = render(merged(ci("emulator"), {"webhook": {"podDisruptionBudget": {"enabled": False}}}))

    assert "webhook" not in release.of("PodDisruptionBudget")


@pytest.fixture(scope="module")
def shared() -> Rendered:
    return render(ci("service-defaults"))


def test_all_services_use_the_shared_defaults(shared: Rendered) -> None:
    scalers, services = shared.of("HorizontalPodAutoscaler"), shared.of("Service")

    assert scalers["pages"]["spec"]["maxReplicas"] == 6
    assert shared.of("PodDisruptionBudget")["pages"]["spec"]["maxUnavailable"] == "50%"
    assert [services[name]["spec"]["type"] for name in ("webhook", "pages")] == ["NodePort", "NodePort"]
    assert services["checkout"]["metadata"]["annotations"]["example.com/tier"] == "shared"


def test_a_service_overrides_single_defaults(shared: Rendered) -> None:
    scaler = shared.of("HorizontalPodAutoscaler")["webhook"]["spec"]
    annotations = shared.of("Service")["pages"]["metadata"]["annotations"]

    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 20)
    assert annotations == {"example.com/team": "payments", "example.com/tier": "front"}
    assert shared.of("Service")["checkout"]["spec"]["type"] == "ClusterIP"


def test_false_and_zero_override_a_default(shared: Rendered) -> None:
    assert shared.of("HorizontalPodAutoscaler").keys() == {"webhook", "pages"}
    assert shared.of("Deployment")["checkout"]["spec"]["replicas"] == 0
    assert "checkout" not in shared.of("PodDisruptionBudget")


def test_the_values_of_an_earlier_release_can_be_reused() -> None:
    """`helm upgrade --reuse-values` lacks the values that are new in the chart, here `serviceDefaults`."""
    reused = merged(ci("emulator"), {name: _complete() for name in REPLICATED})
    release = render({**reused, "serviceDefaults": None})

    assert release.of("Deployment")["pages"]["spec"]["replicas"] == 1


def _complete() -> dict[str, object]:
    return {
        "replicas": 1,
        "autoscaling": {"enabled": False, "minReplicas": 1, "maxReplicas": 1},
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "service": {"type": "ClusterIP", "annotations": {}},
    }
