"""Checks that the labels and annotations of the values win over the chart's own, and that no key stands twice."""

from collections.abc import Mapping

import helm_python as helm
import pytest
import yaml

from tests.chart.objects import strict
from tests.chart.rendered import RELEASE, SERVICES, SETS, Values, ci, merged, read, render

COMPONENT, NAME, INSTANCE = (f"app.kubernetes.io/{label}" for label in ("component", "name", "instance"))
OWN_LABELS: Values = {
    "emulator": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {COMPONENT: "monitoring"}},
    "prometheusRule": {"enabled": True, "labels": {NAME: "kube-prometheus-stack"}},
    "dashboards": {
        "enabled": True,
        "labels": {COMPONENT: "grafana", "helm.sh/chart": "other"},
        "annotations": {"team": "dashboards"},
    },
    "commonAnnotations": {"team": "all", "owner": "payments"},
    "commonLabels": {COMPONENT: "not-this", "team": "payments"},
    "podAnnotations": {"checksum/secret": "mine"},
    "podLabels": {COMPONENT: "not-this", INSTANCE: "not-this", "lea-payments/serves-metrics": "false"},
    "serviceDefaults": {"service": {"annotations": {"team": "services"}}},
    "tableInit": {"serviceAccount": {"annotations": {"team": "tables", "helm.sh/hook": "post-install"}}},
}
"""Labels and annotations that the chart sets too."""

VALUES: Mapping[str, Values] = {
    **{name: read(*files) for name, files in SETS.items()},
    "own-labels": OWN_LABELS,
    "own-labels-aws": merged(merged(ci("aws"), OWN_LABELS), {"emulator": {"enabled": False}}),
}


@pytest.mark.parametrize("name", VALUES)
def test_no_key_stands_twice(name: str) -> None:
    release = render(VALUES[name])

    assert release.texts
    strict.check(release.texts)


def test_the_strict_loader_refuses_a_key_that_stands_twice() -> None:
    with pytest.raises(yaml.YAMLError, match="stands twice"):
        strict.check({"one.yaml": "{a: 1, b: {c: 1, c: 2}}"})


def test_the_labels_by_which_prometheus_and_grafana_select_win() -> None:
    release = render(OWN_LABELS)
    monitor, rule = release.of("ServiceMonitor")["metrics"], release.of("PrometheusRule")["rules"]
    dashboards = [one for one in release.of("ConfigMap").values() if one["metadata"]["labels"].get("grafana_dashboard")]

    assert monitor["metadata"]["labels"][COMPONENT] == "monitoring"
    assert rule["metadata"]["labels"][NAME] == "kube-prometheus-stack"
    assert dashboards
    assert {one["metadata"]["labels"][COMPONENT] for one in dashboards} == {"grafana"}
    assert {one["metadata"]["labels"]["helm.sh/chart"] for one in dashboards} == {"other"}
    assert all(one["metadata"]["annotations"] == {"team": "dashboards", "owner": "payments"} for one in dashboards)


def test_the_labels_of_selectors_cannot_be_replaced() -> None:
    release = render(OWN_LABELS)

    for component, pod in release.pods().items():
        labels = pod["metadata"]["labels"]
        assert (labels[COMPONENT], labels[INSTANCE]) == (component, RELEASE)
        assert component not in SERVICES or labels["lea-payments/serves-metrics"] == "true"
    assert release.of("Service")["metrics"]["metadata"]["labels"][COMPONENT] == "metrics"


def test_a_changed_secret_restarts_pods_whatever_the_annotations() -> None:
    before, after = (
        render(merged(OWN_LABELS, {"emulator": {"apiToken": token}})).pods() for token in ("a" * 16, "b" * 16)
    )

    for component in ("checkout", "reconciler", "emulator"):
        checksums = {pods[component]["metadata"]["annotations"]["checksum/secret"] for pods in (before, after)}
        assert len(checksums) == 2


def test_annotations_of_a_section_win_over_common_ones() -> None:
    release = render(VALUES["own-labels-aws"])
    account = release.of("ServiceAccount")["table-init"]["metadata"]["annotations"]

    assert release.of("Service")["webhook"]["metadata"]["annotations"]["team"] == "services"
    assert account["team"] == "tables"
    assert account["helm.sh/hook"] == "pre-install,pre-upgrade", "the Job needs it before"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"stripe": {"keys": {"apiKey": "KEY", "webhookSecret": "KEY"}}},
            "stripe.keys.apiKey and stripe.keys.webhookSecret",
        ),
        (
            {"stripe": {"keys": {"apiKey": "KEY"}}, "checkout": {"keys": {"apiToken": "KEY"}}},
            "checkout.keys.apiToken and stripe.keys.apiKey",
        ),
    ],
    ids=["stripe", "checkout"],
)
def test_two_secrets_under_one_key_are_refused(values: Values, sentence: str) -> None:
    with pytest.raises(helm.HelmError, match=f"{sentence} are both KEY"):
        render(merged(ci("emulator"), values))
