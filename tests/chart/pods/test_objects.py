"""Checks ServiceAccounts, and the labels and annotations of all objects."""

import helm_python as helm
import pytest

from tests.chart.rendered import SERVICES, Rendered, ci, container, merged, render

CHART_LABELS = {"app.kubernetes.io/name": "other", "app.kubernetes.io/component": "other", "helm.sh/chart": "other"}


@pytest.fixture(scope="module")
def company() -> Rendered:
    return render(ci("company"))


def test_an_existing_service_account_is_used_and_not_created(company: Rendered) -> None:
    accounts = company.of("ServiceAccount")

    assert company.pods()["webhook"]["spec"]["serviceAccountName"] == "lea-payments-webhook"
    assert "webhook" not in accounts
    assert company.pods()["pages"]["spec"]["serviceAccountName"] == "payment-pages"
    assert accounts["payment-pages"]["metadata"]["labels"]["app.kubernetes.io/component"] == "pages"


@pytest.mark.parametrize("service", [*SERVICES, "tableInit"])
def test_an_existing_service_account_needs_no_role_annotation(service: str) -> None:
    account = {"create": False, "name": "exists", "annotations": None}
    release = render(merged(ci("aws"), {service: {"serviceAccount": account}}))

    assert "exists" in {one["spec"]["serviceAccountName"] for one in release.pods().values()}
    assert not any("exists" in name for name in release.of("ServiceAccount"))


def test_without_a_name_the_default_account_is_used() -> None:
    release = render(merged(ci("emulator"), {"emulator": {"serviceAccount": {"create": False}}}))

    assert release.pods()["emulator"]["spec"]["serviceAccountName"] == "default"


def test_two_services_cannot_create_one_service_account() -> None:
    values = {name: {"serviceAccount": {"name": "shared"}} for name in ("webhook", "pages")}
    with pytest.raises(helm.HelmError) as refusal:
        render(merged(ci("emulator"), values))

    assert "webhook and pages both create the ServiceAccount shared: give each its own" in str(refusal.value)


def test_an_existing_account_may_be_shared() -> None:
    values = {name: {"serviceAccount": {"name": "shared", "create": False}} for name in ("webhook", "pages")}

    assert render(merged(ci("emulator"), values)).pods()["pages"]["spec"]["serviceAccountName"] == "shared"


def test_common_labels_are_on_every_object_and_pod(company: Rendered) -> None:
    for one in [*company, *company.pods().values()]:
        assert one["metadata"]["labels"]["cost-center"] == "42"
    for one in company:
        assert one["metadata"]["annotations"]["example.com/owner"] == "payments"


def test_common_labels_are_in_nothing_that_cannot_change(company: Rendered) -> None:
    for one in company:
        spec = one.get("spec", {})
        fixed = [spec.get("selector"), spec.get("podSelector"), spec.get("volumeClaimTemplates")]
        assert "cost-center" not in str(fixed), one["metadata"]["name"]


def test_common_labels_never_replace_those_of_the_chart() -> None:
    values = {"commonLabels": CHART_LABELS, "podLabels": CHART_LABELS}
    plain, release = render(ci("emulator")), render(merged(ci("emulator"), values))

    for name, one in release.pods().items():
        labels = one["metadata"]["labels"].items()
        assert {label for label in labels if label[0] != "helm.sh/chart"} >= {
            label for label in plain.pods()[name]["metadata"]["labels"].items() if label[0] != "helm.sh/chart"
        }
    assert {str(one["metadata"]["labels"]) for one in release} == {str(one["metadata"]["labels"]) for one in plain}


def test_annotations_of_deployments_are_on_nothing_else(company: Rendered) -> None:
    annotated = {
        one["kind"] for one in company if "reloader.stakater.com/auto" in one["metadata"].get("annotations", {})
    }
    own = [name for name, one in company.of("Deployment").items() if "example.com/deployment" in str(one)]

    assert annotated == {"Deployment", "StatefulSet"}
    assert own == ["webhook"]


def test_env_from_replaces_no_variable_of_ours(company: Rendered) -> None:
    """Kubernetes lets `env` win over `envFrom`, so both can stand in a container."""
    webhook = container(company.pods()["webhook"])

    assert webhook["envFrom"]
    assert "PORT" in {one["name"] for one in webhook["env"]}
