"""Checks the notifier: its pods, settings and secrets, and that without it nothing is written that nobody reads."""

import pytest

from tests.chart.rendered import Rendered, ci, container, merged, render, variables
from tests.chart.services.test_configuration import secret_files

WRITERS = ("webhook", "checkout", "reconciler")
"""The services that change payments, and so write which notifications are due."""


@pytest.fixture(scope="module")
def release() -> Rendered:
    return render(ci("notifier"))


def test_it_runs_in_two_pods_without_a_service(release: Rendered) -> None:
    pod = container(release.pods()["notifier"])

    assert release.of("Deployment")["notifier"]["spec"]["replicas"] == 2
    assert pod["args"] == ["notifier"]
    assert {one["name"]: one["containerPort"] for one in pod["ports"]} == {"http": 8079, "metrics": 9464}
    assert "notifier" in release.of("PodDisruptionBudget")
    assert "notifier" not in release.of("Service")


def test_it_is_spread_like_the_other_services(release: Rendered) -> None:
    notifier, webhook = (release.pods()[name]["spec"] for name in ("notifier", "webhook"))

    for field in ("affinity", "topologySpreadConstraints"):
        assert str(notifier[field]).replace("notifier", "webhook") == str(webhook[field])


def test_it_gets_the_endpoints_and_their_filters(release: Rendered) -> None:
    settings = variables(release.pods()["notifier"])

    assert settings["NOTIFY_URL"] == (
        "orders=https://orders.example.com/payments,mail=https://mail.example.com:8443/payments?source=lea"
    )
    assert settings["NOTIFY_EVENTS"] == "mail=payment.completed|payment.failed"
    assert "NOTIFY_ALLOW_HTTP" not in settings


def test_its_secrets_are_a_file_that_can_change(release: Rendered) -> None:
    """A mount without subPath, which the kubelet updates when the Secret changes."""
    pod = release.pods()["notifier"]

    assert secret_files(pod) == {variables(pod)["NOTIFY_SECRET_FILE"]: ("my-notifier", "signing")}
    assert [one for one in variables(pod).values() if "secretKeyRef" in one] == []
    assert [mount for mount in container(pod)["volumeMounts"] if "subPath" in mount] == []


def test_those_who_change_payments_write_what_is_due(release: Rendered) -> None:
    settings = {name: variables(pod).get("NOTIFICATIONS") for name, pod in release.pods().items()}

    assert {name for name, value in settings.items() if value == "true"} == {*WRITERS}


def test_without_the_notifier_nothing_is_written_for_it() -> None:
    release = render(merged(ci("notifier"), {"notifier": {"enabled": False}}))

    assert not [name for name, pod in release.pods().items() if "NOTIFICATIONS" in variables(pod)]
    assert not [one for one in release if one["metadata"]["name"].endswith("-notifier")]


def test_in_development_a_receiver_may_use_http() -> None:
    assert variables(render(ci("mcp")).pods()["notifier"])["NOTIFY_ALLOW_HTTP"] == "true"


@pytest.mark.parametrize(
    ("cidr", "excluded"),
    [("0.0.0.0/0", ["169.254.0.0/16"]), ("::/0", ["fe80::/10"]), ("192.0.2.0/24", None)],
    ids=["IPv4", "IPv6", "narrow"],
)
def test_no_receiver_is_on_the_node_itself(cidr: str, excluded: list[str] | None) -> None:
    """Such as the address that serves the credentials of the node."""
    policy = render(merged(ci("notifier"), {"notifier": {"egressCidrs": [cidr]}})).of("NetworkPolicy")["notifier"]
    blocks = [rule["to"][0]["ipBlock"] for rule in policy["spec"]["egress"] if {"port": 8443} in rule["ports"]]

    assert blocks == [{"cidr": cidr} if excluded is None else {"cidr": cidr, "except": excluded}]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://example.com/hook", 443),
        ("https://example.com:8443?a=b", 8443),
        ("https://[2001:db8::1]:9443/", 9443),
        ("https://[2001:db8::1]/", 443),
    ],
)
def test_only_the_port_of_the_url_is_open(url: str, port: int) -> None:
    values = merged(ci("notifier"), {"notifier": {"endpoints": [{"name": "one", "url": url}]}})
    rules = render(values).of("NetworkPolicy")["notifier"]["spec"]["egress"]

    assert [rule["ports"] for rule in rules if "192.0.2.0/24" in str(rule)] == [[{"port": port}]]
