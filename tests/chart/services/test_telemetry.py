"""Checks the variables of OpenTelemetry: the pod in each trace, what users add to it, and a collector on each node."""

import re

import pytest

from lea_payments.telemetry.tracing.settings import read_tracing
from tests.chart.network import INTERNET, allowed, pod
from tests.chart.rendered import SERVICES, SETS, Object, ci, container, read, render, variables

NAMES = "OTEL_RESOURCE_ATTRIBUTES"
FIELDS = {"NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name", "NODE_NAME": "spec.nodeName"}
KUBELET = {f"{NAMES}_NAMESPACE": "lea", f"{NAMES}_POD_NAME": "webhook-0", f"{NAMES}_NODE_NAME": "node-1"}


def expanded(pod: Object, known: dict[str, str]) -> dict[str, str]:
    """The values as the kubelet sets them: only variables above a value are replaced in it."""
    values: dict[str, str] = {}
    for one in container(pod)["env"]:
        text = one.get("value", known.get(one["name"], "from elsewhere"))
        values[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)
    return values


def attributes(pod: Object) -> dict[str, str]:
    return dict(item.split("=", 1) for item in expanded(pod, KUBELET)[NAMES].split(",") if "=" in item)


@pytest.mark.parametrize("service", SERVICES)
def test_traces_name_the_pod(service: str) -> None:
    one = render(ci("emulator")).pods()[service]

    sources = {name: variables(one)[f"{NAMES}_{name}"]["fieldRef"]["fieldPath"] for name in FIELDS}
    assert sources == FIELDS
    assert read_tracing(expanded(one, KUBELET)).problems == ()
    assert attributes(one) == {
        "service.namespace": "lea",
        "service.instance.id": f"lea.webhook-0.{service}",
        "k8s.namespace.name": "lea",
        "k8s.deployment.name": f"lea-payments-{service}",
        "k8s.pod.name": "webhook-0",
        "k8s.node.name": "node-1",
    }


def test_what_users_set_is_added_and_wins() -> None:
    pods = render(ci("node-collector")).pods()
    known = {**KUBELET, "OTEL_RESOURCE_ATTRIBUTES_4": "k8s.pod.name=mine,team=a"}

    text = expanded(pods["webhook"], known)[NAMES]
    assert attributes(pods["pages"])["deployment.environment.name"] == "test"
    assert text.startswith("service.namespace=lea,")
    assert text.endswith("k8s.node.name=node-1,deployment.environment.name=test,k8s.pod.name=mine,team=a")
    assert variables(pods["webhook"])["OTEL_SERVICE_NAME"] == "shop-webhook"


@pytest.mark.parametrize("values", SETS)
def test_no_variable_is_set_twice(values: str) -> None:
    """Helm 4 and server-side apply refuse it."""
    for name, one in render(read(*SETS[values])).pods().items():
        names = [variable["name"] for variable in container(one).get("env", [])]
        assert len(names) == len(set(names)), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_collector_on_each_node_is_reachable(service: str) -> None:
    release = render(ci("node-collector"))

    values = expanded(release.pods()[service], {**KUBELET, "HOST_IP": "10.0.0.7"})
    assert values["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://10.0.0.7:4318"
    assert allowed(release, pod(release, service), INTERNET, 4318)
    assert not allowed(render(ci("telemetry")), pod(release, service), INTERNET, 4318)
