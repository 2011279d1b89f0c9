"""Checks the tools for the sales agent: their pods, settings, secrets and image."""

from typing import Any

import pytest

from tests.chart.rendered import Rendered, ci, container, merged, render, variables
from tests.chart.services.test_configuration import secret_files


@pytest.fixture(scope="module")
def release() -> Rendered:
    return render(ci("mcp"))


def test_it_runs_in_two_pods_behind_a_service(release: Rendered) -> None:
    pod = container(release.pods()["mcp"])

    assert release.of("Deployment")["mcp"]["spec"]["replicas"] == 2
    assert pod["args"] == ["mcp", "--http"]
    assert {one["name"]: one["containerPort"] for one in pod["ports"]} == {"http": 8080, "metrics": 9464}
    assert release.of("Service")["mcp"]["spec"]["ports"][0]["port"] == 8080
    assert "mcp" in release.of("PodDisruptionBudget")


def test_only_its_own_path_is_public(release: Rendered) -> None:
    (rule,) = release.of("Ingress")["mcp"]["spec"]["rules"]

    assert rule["host"] == "mcp.example.com"
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/mcp", "Exact")]


def test_a_gateway_can_lead_to_its_path() -> None:
    route = {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["mcp.example.com"]}
    release = render(merged(ci("mcp"), {"mcp": {"httpRoute": route}}))

    (rule,) = release.of("HTTPRoute")["mcp"]["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "Exact", "value": "/mcp"}}]


def test_it_gets_its_caps_as_whole_numbers(release: Rendered) -> None:
    settings = variables(release.pods()["mcp"])

    assert settings["MCP_CHECKOUT_URL"] == "http://lea-payments-checkout:8084"
    assert settings["MCP_MAX_AMOUNT"] == "MYR=5000000,SGD=100000"
    assert settings["MCP_HOURLY_AMOUNT"] == "MYR=50000000,SGD=2000000"
    assert settings["MCP_HOURLY_LINKS"] == "60"


@pytest.mark.parametrize(
    ("scaling", "parts"),
    [
        ({}, "2"),
        ({"replicas": 1}, "1"),
        ({"replicas": 0}, "1"),
        ({"autoscaling": {"enabled": True, "maxReplicas": 5}}, "5"),
        ({"autoscaling": {"external": True, "maxReplicas": 7}}, "7"),
    ],
    ids=["default", "one pod", "none", "autoscaling", "external"],
)
def test_the_caps_are_shared_by_all_pods_there_can_be(scaling: dict[str, Any], parts: str) -> None:
    pod = render(merged(ci("mcp"), {"mcp": scaling})).pods()["mcp"]

    assert variables(pod)["MCP_REPLICAS"] == parts


def test_its_tokens_are_files_that_can_change(release: Rendered) -> None:
    """Mounts without subPath, which the kubelet updates when the Secret changes."""
    pod = release.pods()["mcp"]
    settings = variables(pod)

    assert secret_files(pod) == {
        settings["MCP_TOKEN_FILE"]: ("my-mcp", "MCP_TOKEN"),
        settings["PAYMENTS_API_TOKEN_FILE"]: ("my-mcp", "PAYMENTS_API_TOKEN"),
    }
    assert [mount for mount in container(pod)["volumeMounts"] if "subPath" in mount] == []


def test_all_its_secrets_are_references(release: Rendered) -> None:
    referenced = [one["secretKeyRef"] for one in variables(release.pods()["mcp"]).values() if "secretKeyRef" in one]

    assert referenced == [{"name": "my-mcp", "key": "MCP_STATE_SECRET"}]


def test_it_knows_nothing_of_the_table_or_of_stripe(release: Rendered) -> None:
    names = variables(release.pods()["mcp"]).keys()

    assert not [name for name in names if name.startswith(("AWS_", "DDB_", "DYNAMODB_", "STRIPE_"))]
    assert "annotations" not in release.of("ServiceAccount")["mcp"]["metadata"]


def test_on_aws_it_needs_no_role() -> None:
    tools = {**ci("mcp")["mcp"], "serviceAccount": {"annotations": {}}}

    assert "mcp" in render(merged(ci("aws"), {"mcp": tools})).pods()


def test_it_runs_an_image_of_its_own() -> None:
    values = merged(ci("mcp"), {"image": {"tag": "1"}, "mcp": {"image": {"digest": f"sha256:{'0' * 64}"}}})
    images = {name: container(pod)["image"] for name, pod in render(values).pods().items()}

    assert images["mcp"] == f"lea-payments-mcp:0.2.0@sha256:{'0' * 64}"
    assert {images["notifier"], images["webhook"]} == {"lea-payments:1"}


def test_without_it_none_of_its_objects_is_left() -> None:
    release = render(merged(ci("mcp"), {"mcp": {"enabled": False}}))

    assert not [one for one in release if one["metadata"]["name"].endswith("-mcp")]
    assert "component: mcp" not in str(release.of("NetworkPolicy")["checkout"])
