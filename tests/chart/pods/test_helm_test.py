"""Checks what `helm test` runs and may do, and which objects of hooks `helm uninstall` would leave behind."""

from typing import Any

import pytest
import typer

from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.commands.release.__main__ import app
from tests.chart.rendered import SETS, Object, Rendered, ci, container, merged, read, render, variables
from tests.support.secrets import signing_secret

POLICY = "helm.sh/hook-delete-policy"
SECRETS = {"STRIPE_WEBHOOK_SECRET": signing_secret("chart"), "STRIPE_SECRET_KEY": "rk_test_OfTheChart"}


def options(release: Rendered) -> dict[str, Any]:
    """The options that the command of the test's pod understands; those with a value."""
    arguments = container(release.pods()["test"])["args"]
    command: Any = typer.main.get_command(app)
    parsed = command.make_context("release", [*arguments]).params
    return {name: value for name, value in parsed.items() if value}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("emulator", {"webhook", "pages", "checkout", "emulator"}),
        ("sandbox", {"webhook", "pages", "checkout"}),
        ("no-checkout", {"webhook", "pages"}),
        ("aws", {"webhook", "pages", "checkout", "check"}),
        ("pod-identity", {"webhook", "pages", "checkout", "check"}),
        ("staging", {"webhook", "pages", "checkout", "check"}),
    ],
)
def test_the_test_asks_the_services_of_the_release(values: str, expected: set[str]) -> None:
    release = render(read(*SETS[values]))
    given = options(release)
    services = release.of("Service")

    assert given.keys() == expected
    for name in expected - {"check"}:
        assert given[name] == f"http://lea-payments-{name}:{services[name]['spec']['ports'][0]['port']}"


def test_a_payment_without_checkout_is_not_attempted() -> None:
    release = render(merged(ci("emulator"), {"checkout": {"enabled": False}}))

    assert options(release).keys() == {"webhook", "pages"}
    assert "PAYMENTS_API_TOKEN" not in variables(release.pods()["test"])


@pytest.mark.parametrize(
    ("values", "secret"),
    [({}, "lea-payments-emulator"), ({"checkout": {"existingSecret": "mine"}}, "mine")],
    ids=["development", "existing"],
)
def test_the_payment_uses_the_token_of_the_callers(values: dict[str, Any], secret: str) -> None:
    pod = render(merged(ci("emulator"), values)).pods()["test"]

    assert variables(pod)["PAYMENTS_API_TOKEN"]["secretKeyRef"] == {"name": secret, "key": "PAYMENTS_API_TOKEN"}


@pytest.mark.parametrize(
    ("values", "secret"),
    [("aws", "my-reconciler"), ("staging", "lea-payments-stripe"), ("production", "lea-payments-stripe")],
)
def test_the_check_runs_as_the_reconciler(values: str, secret: str) -> None:
    pods = render(read(*SETS[values])).pods()
    test, reconciler = variables(pods["test"]), variables(pods["reconciler"])
    same = ("STRIPE_LIVEMODE", "AWS_REGION", "DYNAMODB_PAYMENTS_TABLE", "DDB_ENDPOINT")

    assert pods["test"]["spec"]["serviceAccountName"] == pods["reconciler"]["spec"]["serviceAccountName"]
    assert {name: test[name] for name in same} == {name: reconciler[name] for name in same}
    assert test["STRIPE_SECRET_KEY"]["secretKeyRef"]["name"] == secret
    assert "PAYMENTS_API_TOKEN" not in test, "with it, check would try the permissions of checkout"


def test_without_the_reconciler_the_check_runs_as_the_webhook() -> None:
    reconciler = {"enabled": False, "serviceAccount": {"annotations": None}}
    pod = render(merged(ci("aws"), {"reconciler": reconciler})).pods()["test"]

    assert pod["spec"]["serviceAccountName"] == "lea-payments-webhook"
    assert "STRIPE_WEBHOOK_SECRET" in variables(pod)
    assert "STRIPE_SECRET_KEY" not in variables(pod)


def test_the_check_gets_settings_that_it_can_read() -> None:
    values = variables(render(ci("aws")).pods()["test"])
    settings = CheckSettings.model_validate(
        {name: value if isinstance(value, str) else SECRETS[name] for name, value in values.items()}
    )

    assert settings.applies_events
    assert settings.ddb_endpoint == ""


def test_the_check_can_be_left_out_or_get_its_own_account() -> None:
    without = render(merged(ci("aws"), {"test": {"check": False}})).pods()["test"]
    own = render(merged(ci("aws"), {"test": {"serviceAccount": {"create": True}}}))

    assert "--check" not in container(without)["args"]
    assert without["spec"]["serviceAccountName"] == "default"
    assert own.pods()["test"]["spec"]["serviceAccountName"] == "lea-payments-test"
    assert "test" in own.of("ServiceAccount")


def hooks(release: Rendered) -> list[Object]:
    """The objects that `helm uninstall` does not know."""
    return [one for one in release if "helm.sh/hook" in one["metadata"].get("annotations", {})]


@pytest.mark.parametrize(
    ("values", "kinds"),
    [("emulator", ["Pod"]), ("aws", ["Job", "NetworkPolicy", "Pod", "ServiceAccount"]), ("pod-identity", ["Pod"])],
)
def test_every_object_of_a_hook_is_deleted_after_a_success(values: str, kinds: list[str]) -> None:
    found = hooks(render(ci(values)))

    assert sorted(one["kind"] for one in found) == kinds
    for one in found:
        policies = set(one["metadata"]["annotations"][POLICY].split(","))
        assert policies == {"before-hook-creation", "hook-succeeded"}, one["metadata"]["name"]


def test_helm_prints_the_log_before_it_deletes_the_pod() -> None:
    annotations = render(ci("emulator")).of("Pod")["test"]["metadata"]["annotations"]

    assert annotations["helm.sh/hook-output-log-policy"] == "hook-succeeded,hook-failed"


@pytest.mark.parametrize(("values", "seconds"), [("aws", 86400), ("emulator", None)])
def test_a_failed_job_of_a_hook_ends_within_a_day(values: str, seconds: int | None) -> None:
    """Kubernetes deletes it then; in local mode the Job belongs to the release, which deletes it."""
    assert render(ci(values)).job()["spec"].get("ttlSecondsAfterFinished") == seconds
