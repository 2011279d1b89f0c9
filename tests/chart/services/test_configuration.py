"""Checks the commands, settings, secrets and images that the pods get."""

import pytest
import typer

import lea_payments.__main__ as commands
from lea_payments import settings
from lea_payments.pages.settings import PagesSettings
from lea_payments.secrets import rules
from lea_payments.telemetry.tracing.variables import OtelVariables
from stripe_emulator import settings as emulator_settings
from tests.chart.rendered import (
    REPLICATED,
    SERVICES,
    SETS,
    Object,
    Rendered,
    ci,
    container,
    merged,
    read,
    render,
    variables,
)
from tests.support.secrets import signing_secret

SETTINGS: dict[str, type[settings.TableSettings]] = {
    "webhook": settings.WebhookSettings,
    "pages": PagesSettings,
    "checkout": settings.CheckoutSettings,
    "reconciler": settings.ReconcilerSettings,
    "table-init": settings.TableSettings,
}
SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_OfTheChartsTests",
    "PAYMENTS_API_TOKEN": "token-of-the-chart",
    "EMULATOR_WEBHOOK_SECRET": signing_secret("chart"),
}


def secret_files(pod: Object) -> dict[str, tuple[str, str]]:
    """The Secret and key behind each mounted file of a secret, by its path."""
    mounts = {one["name"]: one["mountPath"] for one in container(pod)["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}": (volume["secret"]["secretName"], item["key"])
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
        for item in volume["secret"]["items"]
    }


def environment(release: Rendered, component: str) -> dict[str, str]:
    """The container's environment without OpenTelemetry's, with made-up texts for Secrets and their files."""
    every = variables(release.pods()[component])
    # Of telemetry, which has tests of its own.
    others = {name.upper() for name in OtelVariables.model_fields}
    values = {name: value for name, value in every.items() if not name.startswith("OTEL_") and name not in others}
    live = values.get("STRIPE_LIVEMODE") == "true"
    secrets = SECRETS | ({"STRIPE_SECRET_KEY": "sk_live_OfTheChartsTests"} if live else {})
    files = {f"{name}_FILE": name for name in secrets}
    return {
        files.get(name, name): secrets[files[name]] if name in files else value
        for name, value in values.items()
        if isinstance(value, str)
    } | {name: secrets[name] for name, value in values.items() if not isinstance(value, str)}


@pytest.mark.parametrize("values", ["emulator", "sandbox", "aws", "brand", "staging", "production"])
@pytest.mark.parametrize("component", SETTINGS)
def test_a_service_gets_settings_that_it_can_read(values: str, component: str) -> None:
    release = render(read(*SETS[values]))
    if component not in release.pods():
        assert (values, component) == ("production", "table-init")
        return

    names = {str(field.validation_alias) for field in SETTINGS[component].model_fields.values()}
    env = environment(release, component)
    parsed = SETTINGS[component].model_validate(env)

    assert env.keys() <= names
    assert parsed.ddb_endpoint == ("" if values in {"aws", "staging", "production"} else parsed.ddb_endpoint)


def test_the_pages_get_the_brand() -> None:
    brand = ci("brand")["pages"]["brand"]
    pages = PagesSettings.model_validate(environment(render(ci("brand")), "pages"))

    assert (pages.brand_name, pages.logo, pages.time_zone) == (brand["name"], brand["logo"], brand["timeZone"])
    assert (pages.support_contact, pages.conversation_url) == (brand["supportContact"], brand["conversationUrl"])
    assert pages.next_steps == brand["nextSteps"]


def test_checkout_and_pages_allow_the_same_origins() -> None:
    release = render(ci("brand"))
    checkout = settings.CheckoutSettings.model_validate(environment(release, "checkout"))
    pages = PagesSettings.model_validate(environment(release, "pages"))

    assert checkout.return_url_origins == ("https://chat.example.com", "https://app.example.com:8443")
    assert pages.return_url_origins == checkout.return_url_origins


def test_the_emulator_gets_settings_that_it_can_read() -> None:
    env = environment(render(ci("emulator")), "emulator")

    assert env.keys() <= emulator_settings.VARIABLES.keys()
    assert emulator_settings.read(env).webhook_url == "http://lea-payments-webhook:8086/webhook/stripe"


@pytest.mark.parametrize("service", REPLICATED)
def test_a_service_runs_its_own_command_on_its_own_port(service: str) -> None:
    release = render(ci("emulator"))
    own = container(release.pods()[service])
    ports = {one["name"]: one["containerPort"] for one in own["ports"]}

    assert own["args"] == [service]
    assert service in typer.main.get_command(commands.app).commands  # type: ignore[attr-defined]  # it is a group
    assert ports == {"http": SETTINGS[service].model_fields["port"].default, "metrics": 9464}
    assert release.of("Service")[service]["spec"]["ports"][0]["port"] == ports["http"]


def test_only_one_reconciler_runs_and_no_service_leads_to_it() -> None:
    release = render(ci("emulator"))
    spec = release.of("Deployment")["reconciler"]["spec"]
    own = container(release.pods()["reconciler"])

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert own["args"] == ["reconciler"]
    assert {"name": "http", "containerPort": SETTINGS["reconciler"].model_fields["port"].default} in own["ports"]
    assert {"reconciler"}.isdisjoint(release.of("Service").keys() | release.of("PodDisruptionBudget").keys())


@pytest.mark.parametrize(
    ("service", "secrets"),
    [
        ("webhook", {("my-stripe", "signing")}),
        ("pages", set()),
        ("checkout", {("my-stripe", "key"), ("my-checkout", "token")}),
        ("reconciler", {("my-stripe", "key")}),
    ],
)
def test_a_service_gets_only_the_secrets_it_needs(service: str, secrets: set[tuple[str, str]]) -> None:
    pod = render(ci("sandbox")).pods()[service]

    assert set(secret_files(pod).values()) == secrets
    assert [one for one in variables(pod).values() if "secretKeyRef" in one] == []


@pytest.mark.parametrize(
    ("service", "variable", "secret"),
    [
        ("webhook", "STRIPE_WEBHOOK_SECRET_FILE", ("my-stripe", "signing")),
        ("checkout", "STRIPE_SECRET_KEY_FILE", ("my-stripe", "key")),
        ("checkout", "PAYMENTS_API_TOKEN_FILE", ("my-checkout", "token")),
        ("reconciler", "STRIPE_SECRET_KEY_FILE", ("my-stripe", "key")),
    ],
)
def test_a_secret_is_a_file_that_can_change(service: str, variable: str, secret: tuple[str, str]) -> None:
    """A mount without subPath, which the kubelet updates when the Secret changes."""
    pod = render(ci("sandbox")).pods()[service]

    assert secret_files(pod)[variables(pod)[variable]] == secret
    assert [mount for mount in container(pod)["volumeMounts"] if "subPath" in mount] == []


@pytest.mark.parametrize(("values", "seconds"), [({}, "6"), ({"deliveryDeadlineSeconds": 2.5}, "2.5")])
def test_the_webhook_gets_the_deadline_of_a_delivery(values: dict[str, object], seconds: str) -> None:
    pod = render(merged(ci("emulator"), {"webhook": values})).pods()["webhook"]

    assert variables(pod)["DELIVERY_DEADLINE_SECONDS"] == seconds


@pytest.mark.parametrize(("account", "expected"), [("acct_1Own", "acct_1Own"), ("", None)], ids=["named", "unset"])
def test_only_readers_of_events_get_the_account(account: str, expected: str | None) -> None:
    pods = render(merged(ci("sandbox"), {"stripe": {"account": account}})).pods()
    accounts = {name: variables(pods[name]).get("STRIPE_ACCOUNT") for name in SERVICES}

    assert {name for name, value in accounts.items() if value} == ({"webhook", "reconciler"} if expected else set())
    assert {value for value in accounts.values() if value} == ({expected} - {None})


def test_the_emulators_secrets_are_known_as_published() -> None:
    secret = render(ci("emulator")).of("Secret")["emulator"]

    assert secret["stringData"]["STRIPE_WEBHOOK_SECRET"] == rules.EMULATOR_SECRET == emulator_settings.DEFAULT_SECRET
    assert secret["stringData"]["PAYMENTS_API_TOKEN"] == rules.DEMO_TOKEN
    assert {rules.EMULATOR_SECRET, rules.DEMO_TOKEN} == rules.PUBLISHED


def test_the_reconciler_can_have_its_own_api_key() -> None:
    files = secret_files(render(ci("aws")).pods()["reconciler"])

    assert files == {"/run/secrets/stripe/api-key": ("my-reconciler", "STRIPE_SECRET_KEY")}


def test_with_existing_secrets_the_chart_creates_none() -> None:
    assert render(ci("sandbox")).of("Secret") == {}
    assert render(read(*SETS["staging"])).of("Secret") == {}


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({}, {"STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN"}),
        ({"stripe": {"existingSecret": "my-stripe"}}, {"PAYMENTS_API_TOKEN"}),
        ({"checkout": {"existingSecret": "my-checkout"}}, {"STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY"}),
        ({"checkout": {"enabled": False}}, {"STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY"}),
    ],
)
def test_with_the_emulator_missing_secrets_are_created(values: dict[str, object], keys: set[str]) -> None:
    secret = render(merged(ci("emulator"), values)).of("Secret")["emulator"]

    assert secret["stringData"].keys() == keys


@pytest.mark.parametrize("service", ["checkout", "reconciler"])
def test_a_changed_development_secret_restarts_the_service(service: str) -> None:
    before, after = (
        render(merged(ci("emulator"), {"emulator": {"apiToken": token}})).pods()[service]
        for token in ("token-number-one", "token-number-two")
    )

    assert before != after


def test_values_for_all_pods_apply_to_all_pods() -> None:
    pods = render(ci("scheduling")).pods()
    pods.pop("test")

    for name, pod in pods.items():
        assert pod["spec"]["priorityClassName"] == "important", name
        assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}, name
        assert pod["spec"]["tolerations"][0]["key"] == "dedicated", name
        assert "nodeAffinity" in pod["spec"]["affinity"], name
        assert pod["spec"]["imagePullSecrets"] == [{"name": "my-registry"}], name
        assert pod["metadata"]["labels"]["team"] == "payments", name
        assert "example.com/team" in pod["metadata"]["annotations"], name


def test_own_annotations_and_labels_win_except_over_selectors() -> None:
    metadata = render(ci("scheduling")).pods()["webhook"]["metadata"]

    assert metadata["annotations"]["example.com/team"] == "webhooks"
    assert metadata["labels"]["tier"] == "front"
    assert metadata["labels"]["app.kubernetes.io/component"] == "webhook"


def test_additional_variables_are_added_to_those_of_the_chart() -> None:
    pods = render(ci("scheduling")).pods()

    assert {"OTEL_RESOURCE_ATTRIBUTES", "GREETING", "PORT"} <= variables(pods["webhook"]).keys()
    assert "OTEL_RESOURCE_ATTRIBUTES" in variables(pods["pages"])
    assert "GREETING" not in variables(pods["pages"])
    assert variables(pods["emulator"])["EMULATOR_RETRY_BASE_SECONDS"] == "0.5"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "lea-payments:0.2.0"),
        ({"tag": "1.2.3"}, "lea-payments:1.2.3"),
        ({"repository": "example/lea", "digest": f"sha256:{'0' * 64}"}, f"example/lea:0.2.0@sha256:{'0' * 64}"),
        ({"tag": f"dev@sha256:{'0' * 64}"}, f"lea-payments:dev@sha256:{'0' * 64}"),
        (
            {"tag": f"dev@sha256:{'0' * 64}", "digest": f"sha256:{'1' * 64}"},
            f"lea-payments:dev@sha256:{'1' * 64}",
        ),
    ],
)
def test_all_services_and_the_job_run_the_same_image(image: dict[str, str], expected: str) -> None:
    pods = render(merged(ci("emulator"), {"image": image})).pods()

    assert {container(pods[name])["image"] for name in (*SERVICES, "table-init", "test")} == {expected}
    assert container(pods["emulator"])["image"] == "lea-payments-emulator:0.2.0"


def test_every_image_can_have_a_digest() -> None:
    image = {"image": {"digest": f"sha256:{'0' * 64}"}}
    values = {**image, "emulator": image, "dynamodb": {"local": image, "admin": image}}
    pods = render(merged(ci("emulator"), values)).pods()

    assert {"emulator", "dynamodb", "dynamodb-admin", "test"} <= pods.keys()
    assert all(container(pod)["image"].endswith(f"@sha256:{'0' * 64}") for pod in pods.values())


@pytest.mark.parametrize(
    ("livemode", "image", "warns"),
    [
        (True, {}, True),
        (True, {"tag": "1.2.3"}, True),
        (True, {"digest": f"sha256:{'0' * 64}"}, False),
        (True, {"tag": f"1.2.3@sha256:{'0' * 64}"}, False),
        (False, {}, False),
    ],
    ids=["live", "live with a tag", "live with a digest", "live with a digest in the tag", "test mode"],
)
def test_the_notes_of_a_live_release_ask_for_a_digest(livemode: bool, image: dict[str, str], warns: bool) -> None:
    notes = render(merged(ci("aws"), {"stripe": {"livemode": livemode}, "image": image})).notes

    assert ("Set image.digest." in notes) == warns


def test_two_releases_in_one_namespace_share_no_object() -> None:
    names = [
        {(one["kind"], one["metadata"]["name"]) for one in render(ci("emulator"), name=name)} for name in ("one", "two")
    ]

    assert names[0].isdisjoint(names[1])
