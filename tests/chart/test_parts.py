"""The parts: what each may know, how it starts and ends, how it scales."""

import pytest

import lea_payments.__main__ as commands
from lea_payments import settings
from lea_payments.serving import health, server
from lea_payments.telemetry import setup as observability
from stripe_emulator import settings as emulator_settings
from tests.chart.rendered import PARTS, SETS, WORKERS, Rendered, ci, container, merged, read, render, variables

KINDS: dict[str, type[settings.TableSettings]] = {
    "webhook": settings.WebhookSettings,
    "pages": settings.PagesSettings,
    "checkout": settings.CheckoutSettings,
    "reconciler": settings.ReconcilerSettings,
    "table-init": settings.TableSettings,
}
MADE_UP = {
    "STRIPE_SECRET_KEY": "sk_test_1",
    "PAYMENTS_API_TOKEN": "token",
    "EMULATOR_WEBHOOK_SECRET": "whsec_1",
}


def texts(release: Rendered, component: str) -> dict[str, str]:
    """The environment with made-up texts in place of what Secrets hold."""
    found = variables(release.pods()[component])
    live = found.get("STRIPE_LIVEMODE") == "true"
    made_up = MADE_UP | ({"STRIPE_SECRET_KEY": "sk_live_1"} if live else {})
    return {name: value if isinstance(value, str) else made_up[name] for name, value in found.items()}


@pytest.mark.parametrize("values", ["emulator", "sandbox", "aws", "staging", "production"])
@pytest.mark.parametrize("component", KINDS)
def test_a_part_gets_settings_that_it_can_read(values: str, component: str) -> None:
    release = render(read(*SETS[values]))
    if component not in release.pods():
        assert (values, component) == ("production", "table-init")
        return

    read_by_part = {str(field.validation_alias) for field in KINDS[component].model_fields.values()}
    found = texts(release, component)
    understood = KINDS[component].model_validate(found)

    assert found.keys() <= read_by_part
    assert understood.ddb_endpoint == ("" if values in {"aws", "staging", "production"} else understood.ddb_endpoint)


def test_the_emulator_gets_settings_that_it_can_read() -> None:
    found = texts(render(ci("emulator")), "emulator")

    assert found.keys() <= emulator_settings.VARIABLES.keys()
    assert emulator_settings.read(found).webhook_url == "http://lea-payments-webhook:8086/webhook/stripe"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_its_own_command_at_its_own_port(part: str) -> None:
    release = render(ci("emulator"))
    found = container(release.pods()[part])
    ports = {one["name"]: one["containerPort"] for one in found["ports"]}

    assert found["args"] == [part]
    assert part in {
        command.name or command.callback.__name__ for command in commands.app.registered_commands if command.callback
    }
    assert ports == {"http": KINDS[part].model_fields["port"].default, "metrics": 9464}
    assert release.of("Service")[part]["spec"]["ports"][0]["port"] == ports["http"]


@pytest.mark.parametrize(
    ("part", "secrets"),
    [
        ("webhook", set()),
        ("pages", set()),
        ("checkout", {("my-stripe", "key"), ("my-checkout", "token")}),
        ("reconciler", {("my-stripe", "key")}),
    ],
)
def test_a_part_has_only_the_secrets_it_needs_in_its_environment(part: str, secrets: set[tuple[str, str]]) -> None:
    found = variables(render(ci("sandbox")).pods()[part])
    references = {
        (one["secretKeyRef"]["name"], one["secretKeyRef"]["key"]) for one in found.values() if isinstance(one, dict)
    }

    assert references == secrets
    assert ("STRIPE_SECRET_KEY" in found) == (part in {"checkout", "reconciler"})


def test_the_reconciler_can_have_a_key_of_its_own() -> None:
    reference = variables(render(ci("aws")).pods()["reconciler"])["STRIPE_SECRET_KEY"]["secretKeyRef"]

    assert reference == {"name": "my-reconciler", "key": "STRIPE_SECRET_KEY"}


def test_there_is_one_reconciler_at_a_time_and_nothing_leads_to_it() -> None:
    release = render(ci("emulator"))
    spec = release.of("Deployment")["reconciler"]["spec"]
    found = container(release.pods()["reconciler"])

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert found["args"] == ["reconciler"]
    assert {"name": "http", "containerPort": KINDS["reconciler"].model_fields["port"].default} in found["ports"]
    assert {"reconciler"}.isdisjoint(release.of("Service").keys() | release.of("PodDisruptionBudget").keys())


def test_without_the_reconciler_nothing_of_it_is_left() -> None:
    release = render(ci("no-reconciler"))

    assert [found for found in release if found["metadata"]["name"].endswith("-reconciler")] == []


def test_webhook_alone_gets_the_signing_secrets_as_a_file_that_changes_with_the_secret() -> None:
    pods = render(ci("sandbox")).pods()
    mounted = {name: [one for one in pod["spec"].get("volumes", []) if "secret" in one] for name, pod in pods.items()}
    (volume,) = mounted.pop("webhook")
    mount = next(one for one in container(pods["webhook"])["volumeMounts"] if one["name"] == volume["name"])

    assert not any(mounted.values())
    assert volume["secret"]["secretName"] == "my-stripe"
    assert volume["secret"]["items"] == [{"key": "signing", "path": "webhook-secrets"}]
    assert variables(pods["webhook"])["STRIPE_WEBHOOK_SECRET_FILE"] == f"{mount['mountPath']}/webhook-secrets"
    assert "subPath" not in mount


def test_with_existing_secrets_the_chart_makes_none() -> None:
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
def test_the_emulator_brings_the_made_up_secrets_that_are_missing(values: dict[str, object], keys: set[str]) -> None:
    secret = render(merged(ci("emulator"), values)).of("Secret")["emulator"]

    assert secret["stringData"].keys() == keys


@pytest.mark.parametrize("part", ["checkout", "reconciler"])
def test_it_starts_anew_when_a_made_up_secret_changes(part: str) -> None:
    before, after = (
        render(merged(ci("emulator"), {"emulator": {"apiToken": token}})).pods()[part] for token in ("one", "two")
    )

    assert before != after


@pytest.mark.parametrize("part", WORKERS)
def test_a_part_may_drain_before_it_is_killed(part: str) -> None:
    spec = render(ci("emulator")).pods()[part]["spec"]
    asleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert asleep == 10
    assert spec["terminationGracePeriodSeconds"] > asleep + server.DRAIN_SECONDS + observability.STOP_SECONDS


@pytest.mark.parametrize("part", WORKERS)
def test_only_readiness_asks_for_the_table(part: str) -> None:
    pod = container(render(ci("emulator")).pods()[part])
    paths = {probe: pod[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}

    assert paths == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert pod["readinessProbe"]["timeoutSeconds"] > health.READY_CACHE_SECONDS


@pytest.mark.parametrize("part", PARTS)
def test_a_rollout_never_has_fewer_pods(part: str) -> None:
    strategy = render(ci("emulator")).of("Deployment")[part]["spec"]["strategy"]["rollingUpdate"]

    assert strategy["maxUnavailable"] == 0
    assert strategy["maxSurge"] > 0


def test_only_a_part_that_does_not_scale_by_itself_has_a_number_of_pods() -> None:
    release = render(ci("autoscaling"))
    numbered = {name for name, found in release.of("Deployment").items() if "replicas" in found["spec"]}

    assert release.of("HorizontalPodAutoscaler").keys() == {"webhook", "pages"}
    assert numbered.isdisjoint({"webhook", "pages"})
    assert "checkout" in numbered


@pytest.mark.parametrize(
    ("values", "budgets"),
    [
        ("emulator", {"webhook", "pages", "checkout"}),
        ("single", set()),
        ("autoscaling", {"webhook", "checkout"}),
        ("no-checkout", {"webhook", "pages"}),
    ],
)
def test_a_part_has_a_disruption_budget_when_it_has_two_pods_at_least(values: str, budgets: set[str]) -> None:
    assert render(ci(values)).of("PodDisruptionBudget").keys() == budgets


def test_a_disruption_budget_can_be_switched_off() -> None:
    release = render(merged(ci("emulator"), {"webhook": {"podDisruptionBudget": {"enabled": False}}}))

    assert "webhook" not in release.of("PodDisruptionBudget")


@pytest.mark.parametrize("part", PARTS)
def test_the_pods_of_a_part_are_spread_over_zones_and_nodes(part: str) -> None:
    pod = render(ci("emulator")).pods()[part]
    spread = pod["spec"]["topologySpreadConstraints"]

    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert all(one["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items() for one in spread)


def test_without_checkout_nothing_of_it_is_left() -> None:
    release = render(ci("no-checkout"))

    assert [found for found in release if found["metadata"]["name"].endswith("-checkout")] == []
    assert "checkout" not in str(container(release.pods()["test"])["command"])


def test_the_public_ways_in_lead_to_nothing_but_the_customers_and_stripes_paths() -> None:
    ingresses = {
        name: [path["path"] for path in found["spec"]["rules"][0]["http"]["paths"]]
        for name, found in render(ci("ingress")).of("Ingress").items()
    }
    routes = {
        name: [match["path"]["value"] for match in found["spec"]["rules"][0]["matches"]]
        for name, found in render(ci("httproute")).of("HTTPRoute").items()
    }

    assert ingresses == routes == {"webhook": ["/webhook/stripe"], "pages": ["/success", "/cancel"]}


def test_an_ingress_has_tls_when_it_has_a_certificate() -> None:
    found = render(ci("ingress")).of("Ingress")

    assert found["webhook"]["spec"]["tls"] == [{"hosts": ["webhook.example.com"], "secretName": "webhook-tls"}]
    assert "tls" not in found["pages"]["spec"]


def test_the_metrics_port_is_on_one_service_only_and_that_is_no_public_one() -> None:
    services = render(ci("telemetry")).of("Service")
    ports = {name: {port["port"] for port in found["spec"]["ports"]} for name, found in services.items()}

    assert [name for name, found in ports.items() if 9464 in found] == ["metrics"]
    assert services["metrics"]["spec"]["clusterIP"] == "None"


def test_prometheus_finds_the_metrics_of_each_part() -> None:
    release = render(ci("telemetry"))
    monitor, service = release.of("ServiceMonitor")["metrics"], release.of("Service")["metrics"]
    selected = {
        name
        for name, pod in release.pods().items()
        if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    }

    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "stack"
    assert selected == set(WORKERS)


def test_traces_go_to_the_collector_that_is_given_and_nowhere_else() -> None:
    given, none = render(ci("telemetry")), render(ci("emulator"))

    for part in WORKERS:
        found = variables(given.pods()[part])
        assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.telemetry.svc:4318"
        assert found["OTEL_TRACES_SAMPLER_ARG"] == "0.25"
        assert not any(name.startswith("OTEL_") for name in variables(none.pods()[part]))


def test_what_is_said_of_all_pods_holds_for_all_pods() -> None:
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


def test_a_parts_own_annotations_and_labels_win_but_never_over_its_selector() -> None:
    metadata = render(ci("scheduling")).pods()["webhook"]["metadata"]

    assert metadata["annotations"]["example.com/team"] == "webhooks"
    assert metadata["labels"]["tier"] == "front"
    assert metadata["labels"]["app.kubernetes.io/component"] == "webhook"


def test_more_variables_are_added_to_those_of_the_chart() -> None:
    pods = render(ci("scheduling")).pods()

    assert {"OTEL_RESOURCE_ATTRIBUTES", "GREETING", "PORT"} <= variables(pods["webhook"]).keys()
    assert "OTEL_RESOURCE_ATTRIBUTES" in variables(pods["pages"])
    assert "GREETING" not in variables(pods["pages"])
    assert variables(pods["emulator"])["EMULATOR_RETRY_BASE_SECONDS"] == "0.5"


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ({}, "lea-payments:0.1.0"),
        ({"tag": "1.2.3"}, "lea-payments:1.2.3"),
        ({"repository": "example/lea", "digest": f"sha256:{'0' * 64}"}, f"example/lea:0.1.0@sha256:{'0' * 64}"),
        ({"tag": f"dev@sha256:{'0' * 64}"}, f"lea-payments:dev@sha256:{'0' * 64}"),
    ],
)
def test_all_parts_and_the_job_run_the_same_image(image: dict[str, str], wanted: str) -> None:
    pods = render(merged(ci("emulator"), {"image": image})).pods()

    assert {container(pods[name])["image"] for name in (*WORKERS, "table-init", "test")} == {wanted}
    assert container(pods["emulator"])["image"] == "lea-payments-emulator:0.1.0"


def test_two_releases_of_one_namespace_share_nothing() -> None:
    names = [
        {(found["kind"], found["metadata"]["name"]) for found in render(ci("emulator"), name=name)}
        for name in ("one", "two")
    ]

    assert names[0].isdisjoint(names[1])


@pytest.mark.parametrize("values", ["emulator", "sandbox", "aws", "no-checkout", "k8s-local", "staging"])
def test_the_notes_say_the_next_three_commands(values: str) -> None:
    notes = render(read(*SETS[values])).notes

    assert "helm test lea-payments --namespace lea" in notes
    assert [line[0] for line in notes.splitlines() if line[:1].isdigit()] == ["1", "2", "3"]
