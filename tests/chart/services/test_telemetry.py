"""Checks the variables of OpenTelemetry: the pod in each trace, what users add to it, and a collector on each node."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from lea_payments.telemetry.tracing.settings import read_tracing
from tests.chart.network import INTERNET, allowed, pod
from tests.chart.rendered import SERVICES, SETS, Object, ci, container, merged, read, render, variables

NAMES = "OTEL_RESOURCE_ATTRIBUTES"
FIELDS = {"NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name", "NODE_NAME": "spec.nodeName"}
NOTHING: Mapping[str, str] = {}
KUBELET = {f"{NAMES}_NAMESPACE": "lea", f"{NAMES}_POD_NAME": "webhook-0", f"{NAMES}_NODE_NAME": "node-1"}


def expanded(pod: Object, known: Mapping[str, str]) -> dict[str, str]:
    """The values as the kubelet sets them: only variables above a value are replaced in it."""
    values: dict[str, str] = {}
    for one in container(pod)["env"]:
        text = one.get("value", known.get(one["name"], "from elsewhere"))
        values[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)
    return values


def attributes(pod: Object, known: Mapping[str, str] = KUBELET, from_sources: Mapping[str, str] = NOTHING) -> Any:
    """The resource that the service reads; variables of `envFrom` count only if `env` does not have them."""
    tracing = read_tracing({**from_sources, **expanded(pod, {"HOST_IP": "10.0.0.7", **known})})
    assert tracing.problems == ()
    return tracing.resource


@pytest.mark.parametrize("service", SERVICES)
def test_traces_name_the_pod(service: str) -> None:
    one = render(ci("emulator")).pods()[service]

    sources = {name: variables(one)[f"{NAMES}_{name}"]["fieldRef"]["fieldPath"] for name in FIELDS}
    assert sources == FIELDS
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
    known = {**KUBELET, "OTEL_RESOURCE_ATTRIBUTES_5": "k8s.pod.name=mine,team=a"}

    of_webhook = attributes(pods["webhook"], known)
    assert attributes(pods["pages"])["deployment.environment.name"] == "test"
    assert of_webhook.items() >= {"service.namespace": "lea", "k8s.node.name": "node-1"}.items()
    assert of_webhook.items() >= {"deployment.environment.name": "test", "k8s.pod.name": "mine", "team": "a"}.items()
    assert variables(pods["webhook"])["OTEL_SERVICE_NAME"] == "shop-webhook"


def test_what_comes_from_a_configmap_is_added_and_wins() -> None:
    """Kubernetes prefers `env` to `envFrom`, so the chart sets no variable of the name that users set there."""
    from_sources = {NAMES: "team=a,k8s.pod.name=mine", "OTEL_SERVICE_NAME": "shop"}
    one = render(merged(ci("emulator"), {"envFrom": [{"configMapRef": {"name": "otel"}}]})).pods()["webhook"]

    read = attributes(one, from_sources=from_sources)

    assert read.items() >= {"team": "a", "k8s.pod.name": "mine", "service.name": "shop"}.items()
    assert read.items() >= {"service.namespace": "lea", "k8s.node.name": "node-1"}.items()
    assert NAMES not in variables(one)


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
