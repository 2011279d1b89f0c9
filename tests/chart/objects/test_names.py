"""Checks the names, labels and types of all objects for odd release names, namespaces and overrides."""

import itertools
from typing import Any

import pytest

from tests.chart.objects.kinds import HOST, problems, references
from tests.chart.rendered import Rendered, Values, ci, merged, render
from tests.support.examples import examples

RELEASES = {
    "usual": "lea-payments",
    "number": "1234",
    "decimal": "1.5",
    "dot": "pay.eu",
    "digit-first": "1234-preview",
    "exponent": "1e5",
    "boolean": "true",
    "long": "lea-payments-preview-of-a-long-branch-name-of-1234",
    "longest": "p" * 53,
    "longest-with-dots": "preview.of.a.long.branch.name.of.1234.in.the.eu.west1",
    "31-characters": "payments-preview-feature-jira-1",
    "44-characters": "a" * 31 + "-lea-payments",
}
OVERRIDES: dict[str, Values] = {
    "none": {},
    "number": {"nameOverride": "1234"},
    "long-name": {"nameOverride": "n" * 70},
    "upper-case": {"nameOverride": "Pay_ments v2"},
    **{f"full-{length}": {"fullnameOverride": "x" * length} for length in (43, 44, 46, 47, 52, 63)},
    "full-number": {"fullnameOverride": "2024"},
    "full-odd": {"fullnameOverride": "Pay.Ments_"},
}
PAIRS = list(itertools.product(RELEASES, OVERRIDES))[:: examples(7, 1)]
"""All releases with all overrides; by default some of them, with each release and each override among them."""
TEXTS_LIKE_NUMBERS: Values = {
    "stripe": {"existingSecret": "1234", "keys": {"webhookSecret": "1", "apiKey": "2e3"}},
    "checkout": {"existingSecret": "1.5", "keys": {"apiToken": "true"}},
    "reconciler": {"existingSecret": "0x10", "keys": {"apiKey": "3"}},
    "emulator": {"enabled": True},
    "imagePullSecrets": [{"name": "5"}],
    "priorityClassName": "7",
    "dynamodb": {"table": "2024", "local": {"persistence": {"storageClass": "8"}}},
    "networkPolicy": {"monitoringNamespace": "2024"},
    "otlp": {"endpoint": "http://collector:4318", "namespace": "2025"},
    "image": {"repository": "1234", "tag": "5678"},
    "podLabels": {"build": "1e3"},
    "podAnnotations": {"build": "012"},
    "nodeSelector": {"pool": "9"},
    "extraEnv": [{"name": "BUILD", "value": "1234"}],
    "webhook": {
        "ingress": {"enabled": True, "host": "*.pay.example.com", "className": "10", "tlsSecret": "11"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "12"}], "hostnames": ["*.pay.example.com"]},
        "serviceAccount": {"annotations": {"account": "123456789012"}},
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "1234"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "1234"}},
    "dashboards": {"enabled": True, "labels": {"grafana_dashboard": "1"}, "annotations": {"grafana_folder": "1"}},
}


def release(name: str, values: Values, start: str = "emulator") -> Rendered:
    return render(merged(ci(start), values), name=name)


def names(release: Rendered) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"]) for one in release}


@pytest.mark.parametrize(("name", "override"), PAIRS)
def test_the_api_server_accepts_all_names_and_labels(name: str, override: str) -> None:
    rendered = release(RELEASES[name], OVERRIDES[override])

    assert [problem for one in rendered for problem in problems(one)] == []
    assert len(names(rendered)) == len(list(rendered))


@pytest.mark.parametrize("name", list(RELEASES)[examples(1, 0) :: examples(4, 1)])
def test_texts_that_look_like_numbers_stay_texts(name: str) -> None:
    objects = list(render(TEXTS_LIKE_NUMBERS, name=RELEASES[name], namespace="2024"))

    assert [problem for one in objects for problem in problems(one)] == []
    for one in objects:
        assert one["metadata"]["namespace"] == "2024"
        texts = [(key, value) for key, value in references(one) if not isinstance(value, str)]
        assert texts == [], one["metadata"]["name"]


@pytest.mark.parametrize("start", ["emulator", "aws"])
def test_two_releases_in_a_namespace_share_no_name(start: str) -> None:
    alike = [
        *("payments-preview-feature-jira-1234-customer-page-a", "payments-preview-feature-jira-1234-customer-page-b"),
        *("pay.eu", "pay-eu", "1234-preview", "lea-1234-preview", "p" * 53, "p" * 52, "p" * 46, "p" * 47),
    ]

    for one, another in itertools.combinations(alike, 2):
        assert not names(release(one, {}, start)) & names(release(another, {}, start)), (one, another)


@pytest.mark.parametrize(
    ("name", "values", "prefix"),
    [
        ("lea-payments", {}, "lea-payments"),
        ("shop", {}, "shop-lea-payments"),
        ("shop-lea-payments-eu", {}, "shop-lea-payments-eu"),
        ("payments-preview-feature-jira-123", {}, "payments-preview-feature-jira-123-lea-payments"),
        ("x", {"fullnameOverride": "pay"}, "pay"),
        ("x", {"fullnameOverride": "pay--"}, "pay-"),
        ("x", {"fullnameOverride": "f" * 46}, "f" * 46),
        ("x", {"fullnameOverride": "f" * 46 + "-"}, "f" * 46),
        ("x", {"nameOverride": "pay"}, "x-pay"),
    ],
)
def test_a_name_that_was_valid_before_does_not_change(name: str, values: Values, prefix: str) -> None:
    """Upgrades keep the objects, and roles that trust a ServiceAccount by its name."""
    for kind in ("Deployment", "ServiceAccount", "NetworkPolicy"):
        found = {one["metadata"]["name"] for one in release(name, values, "aws") if one["kind"] == kind}
        assert {f"{prefix}-webhook", f"{prefix}-reconciler"} <= found


def test_short_names_of_the_table_stay_too() -> None:
    found = names(release("f" * 30, {}))

    assert ("StatefulSet", f"{'f' * 30}-lea-payments-dynamodb") in found
    assert len(next(name for kind, name in found if kind == "Job")) == 63


def test_only_the_name_that_is_too_long_is_cut() -> None:
    found = names(release("x", {"fullnameOverride": "f" * 46}))

    assert ("Service", f"{'f' * 46}-dynamodb") in found
    assert {len(name) for kind, name in found if kind == "StatefulSet"} == {52}


@pytest.mark.parametrize(
    ("name", "values"), [("p" * 53, {}), ("1234-preview", {}), ("x", {"fullnameOverride": "f" * 63})]
)
def test_every_reference_leads_to_an_object_of_the_release(name: str, values: Values) -> None:
    one = release(name, values)
    created: dict[str, set[str]] = {}
    for kind, object_name in names(one):
        created.setdefault(kind, set()).add(object_name)
    used: dict[str, Any] = {"Service": set(), "ServiceAccount": set(), "Secret": set()}
    for component, pod in one.pods().items():
        account = pod["spec"]["serviceAccountName"]
        used["ServiceAccount"] |= {account} - {"default"}
        used["Secret"] |= {value for key, value in references(pod) if key == "secretName"}
        urls = [value for key, value in references(pod) if key == "value" and str(value).startswith("http://")]
        used["Service"] |= {url.split("/")[2].partition(":")[0] for url in urls} - {"localhost"}
        assert component
    used["Service"] |= {one["spec"]["serviceName"] for one in one.of("StatefulSet").values()}

    assert all(used.values())
    for kind, used_names in used.items():
        assert used_names <= created[kind], kind


def test_hosts_may_have_wildcards() -> None:
    release = render(TEXTS_LIKE_NUMBERS)
    (ingress,) = release.of("Ingress").values()
    (route,) = release.of("HTTPRoute").values()

    assert ingress["spec"]["rules"][0]["host"] == ingress["spec"]["tls"][0]["hosts"][0] == "*.pay.example.com"
    assert route["spec"]["hostnames"] == ["*.pay.example.com"]
    assert HOST.fullmatch("*.pay.example.com")
