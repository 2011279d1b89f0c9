"""Checks which paths, ports and telemetry of the services are exposed, and what disabling a service removes."""

import pytest

from tests.chart.rendered import SERVICES, SETS, ci, container, read, render, variables


def test_without_the_reconciler_none_of_its_objects_is_left() -> None:
    release = render(ci("no-reconciler"))

    assert [one for one in release if one["metadata"]["name"].endswith("-reconciler")] == []


def test_without_checkout_none_of_its_objects_is_left() -> None:
    release = render(ci("no-checkout"))

    assert [one for one in release if one["metadata"]["name"].endswith("-checkout")] == []
    assert "checkout" not in str(container(release.pods()["test"])["command"])


def test_only_the_public_paths_are_exposed() -> None:
    ingresses = {
        name: [path["path"] for path in one["spec"]["rules"][0]["http"]["paths"]]
        for name, one in render(ci("ingress")).of("Ingress").items()
    }
    routes = {
        name: [match["path"]["value"] for match in one["spec"]["rules"][0]["matches"]]
        for name, one in render(ci("httproute")).of("HTTPRoute").items()
    }

    paths = {"webhook": ["/webhook/stripe", "/webhook/stripe/"], "pages": ["/success", "/cancel"]}
    assert ingresses == routes == paths


def test_an_ingress_has_tls_if_it_has_a_certificate() -> None:
    ingresses = render(ci("ingress")).of("Ingress")

    assert ingresses["webhook"]["spec"]["tls"] == [{"hosts": ["webhook.example.com"], "secretName": "webhook-tls"}]
    assert "tls" not in ingresses["pages"]["spec"]


def test_the_metrics_port_is_on_no_public_service() -> None:
    services = render(ci("telemetry")).of("Service")
    ports = {name: {port["port"] for port in one["spec"]["ports"]} for name, one in services.items()}

    assert [name for name, numbers in ports.items() if 9464 in numbers] == ["metrics"]
    assert services["metrics"]["spec"]["clusterIP"] == "None"


def test_prometheus_finds_the_metrics_of_each_service() -> None:
    release = render(ci("telemetry"))
    monitor, service = release.of("ServiceMonitor")["metrics"], release.of("Service")["metrics"]
    selected = {
        name
        for name, pod in release.pods().items()
        if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    }

    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "stack"
    assert selected == set(SERVICES)


def test_traces_go_only_to_the_given_collector() -> None:
    with_collector, without = render(ci("telemetry")), render(ci("emulator"))

    for service in SERVICES:
        environment = variables(with_collector.pods()[service])
        assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.telemetry.svc:4318"
        assert environment["OTEL_TRACES_SAMPLER_ARG"] == "0.25"
        assert {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"}.isdisjoint(variables(without.pods()[service]))


@pytest.mark.parametrize("values", ["emulator", "sandbox", "aws", "no-checkout", "k8s-local", "staging"])
def test_the_notes_list_the_next_three_commands(values: str) -> None:
    notes = render(read(*SETS[values])).notes

    assert "helm test lea-payments --namespace lea" in notes
    assert [line[0] for line in notes.splitlines() if line[:1].isdigit()] == ["1", "2", "3"]
    assert ("lea-demo flow" if values in {"emulator", "k8s-local"} else "lea-payments show") in notes
