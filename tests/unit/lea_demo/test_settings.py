from collections.abc import Mapping

import pytest
from typer.testing import CliRunner

from lea_demo.__main__ import app
from lea_demo.machine import PORTS, MachineError, check_ports, variable
from lea_demo.receiver import Endpoint
from lea_demo.settings import DemoSettings, check_stripe, environments, ports
from lea_payments.settings import SettingsError

SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_mine", "STRIPE_WEBHOOK_SECRET": "whsec_mine"}
OWN_RECEIVER = Endpoint("http://127.0.0.1:50000/", "whsec_own")
DEFAULT_PORTS = {variable(name): port for name, port in PORTS.items()}


def settings(**variables: str) -> DemoSettings:
    return DemoSettings.model_validate(variables)


def test_every_busy_port_has_a_line_with_a_remedy() -> None:
    with pytest.raises(MachineError) as error:
        check_ports(ports(settings()), {8085, 9464}.__contains__, sandbox=False)

    line = "port {} is in use: stop the program that listens there, or set {} to another port"
    assert str(error.value).splitlines() == [
        line.format(8085, "DEMO_PAGES_PORT"),
        line.format(9464, "DEMO_WEBHOOK_METRICS_PORT"),
    ]


def test_a_port_that_is_set_twice_has_a_line() -> None:
    both = settings(DEMO_PAGES_PORT="8084")

    with pytest.raises(MachineError) as error:
        check_ports(ports(both), lambda _: False, sandbox=False)

    assert str(error.value) == "DEMO_CHECKOUT_PORT and DEMO_PAGES_PORT are both 8084: set one of them to another port"


def test_free_ports_are_accepted() -> None:
    check_ports(PORTS, lambda _: False, sandbox=False)


def test_the_emulators_port_is_not_checked_with_a_sandbox() -> None:
    check_ports(PORTS, lambda port: port == 8087, sandbox=True)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "rk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "pk_test_x"}, "not a key of a Stripe sandbox"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET .* set both"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET .* set both"),
    ],
    ids=["live", "live, restricted", "publishable", "no secret", "no key"],
)
def test_an_unusable_key_is_rejected_in_one_line(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        check_stripe(settings(**variables))

    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("variables", [{}, SANDBOX], ids=["emulator", "sandbox"])
def test_a_complete_sandbox_or_none_is_accepted(variables: dict[str, str]) -> None:
    check_stripe(settings(**variables))


def test_the_help_lists_every_port_and_its_default() -> None:
    shown = " ".join(CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "300"}).output.split())

    for variable_name, port in DEFAULT_PORTS.items():
        assert f"{variable_name} {port}" in shown


def test_every_port_has_a_default_and_a_description() -> None:
    fields = {field.validation_alias: field for field in DemoSettings.model_fields.values()}

    assert {name: fields[name].default for name in DEFAULT_PORTS} == DEFAULT_PORTS
    assert all(fields[name].description for name in DEFAULT_PORTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], ["run", "flow"], id="all"),
        pytest.param(["flow"], ["--card", "--delayed", "--json", "PAYMENTS_API_TOKEN"], id="flow"),
    ],
)
def test_the_help_lists_commands_and_options(arguments: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "300"})

    assert result.exit_code == 0
    assert [word for word in words if word not in result.output] == []


def environments_of(shell: Mapping[str, str] | None = None, /, **variables: str) -> Mapping[str, Mapping[str, str]]:
    return environments(settings(**variables), shell or {}, OWN_RECEIVER)


def test_each_service_has_only_the_secrets_that_it_needs() -> None:
    env_of = environments_of()

    secrets = ("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "STRIPE_WEBHOOK_SECRET", "EMULATOR_WEBHOOK_SECRET")
    holders = {
        variable: [name for name, env in env_of.items() if variable in env] for variable in (*secrets, "NOTIFY_SECRET")
    }
    assert holders == {
        "STRIPE_SECRET_KEY": ["checkout", "reconciler"],
        "PAYMENTS_API_TOKEN": ["checkout"],
        "STRIPE_WEBHOOK_SECRET": ["webhook"],
        "EMULATOR_WEBHOOK_SECRET": ["emulator"],
        "NOTIFY_SECRET": ["notifier"],
    }


def test_the_emulator_signs_with_the_webhooks_secret() -> None:
    env_of = environments_of()

    assert env_of["emulator"]["EMULATOR_WEBHOOK_SECRET"] == env_of["webhook"]["STRIPE_WEBHOOK_SECRET"]
    assert env_of["emulator"]["EMULATOR_WEBHOOK_URL"] == "http://localhost:8086/webhook/stripe"
    assert env_of["checkout"]["STRIPE_API_BASE"] == "http://localhost:8087"
    assert env_of["reconciler"]["STRIPE_API_BASE"] == "http://localhost:8087"


def test_a_sandbox_replaces_the_emulator() -> None:
    env_of = environments_of(**SANDBOX, STRIPE_API_BASE="https://api.stripe.com")

    assert "emulator" not in env_of
    assert env_of["webhook"]["STRIPE_WEBHOOK_SECRET"] == "whsec_mine"
    assert env_of["checkout"]["STRIPE_SECRET_KEY"] == env_of["reconciler"]["STRIPE_SECRET_KEY"] == "sk_test_mine"
    assert env_of["checkout"]["STRIPE_API_BASE"] == "https://api.stripe.com"


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        pytest.param({}, OWN_RECEIVER, id="own"),
        pytest.param({"NOTIFY_SECRET": "whsec_mine"}, OWN_RECEIVER, id="secret without a URL"),
        pytest.param(
            {"NOTIFY_URL": "http://localhost:3000", "NOTIFY_SECRET": "whsec_mine"},
            Endpoint("http://localhost:3000", "whsec_mine"),
            id="another",
        ),
    ],
)
def test_notifications_reach_one_receiver(variables: dict[str, str], endpoint: Endpoint) -> None:
    notifier = environments_of(**variables)["notifier"]

    assert Endpoint(notifier["NOTIFY_URL"], notifier["NOTIFY_SECRET"]) == endpoint


def test_another_receiver_can_get_some_types_only() -> None:
    some = {"NOTIFY_EVENTS": "payment.completed"}

    demo = environments_of(some, **some)["notifier"]
    another = environments_of(some, **some, NOTIFY_URL="http://localhost:3000")["notifier"]

    assert "NOTIFY_EVENTS" not in demo
    assert another["NOTIFY_EVENTS"] == "payment.completed"


def test_no_service_can_reach_another_table_or_account() -> None:
    names = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "STRIPE_WEBHOOK_SECRET_FILE", "NOTIFY_SECRET_FILE")
    shell = {"DDB_ENDPOINT": "", "AWS_ACCESS_KEY_ID": "mine"} | dict.fromkeys(names, "mine")

    for env in environments_of(shell).values():
        assert "mine" not in env.values()
        assert env["DDB_ENDPOINT"] == "http://127.0.0.1:8000"
        assert env["AWS_ACCESS_KEY_ID"] == "demo"


def test_a_trace_collector_is_passed_to_the_services() -> None:
    shell = {"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}

    for env in environments_of(shell).values():
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
        assert env["OTEL_EXPORTER_OTLP_HEADERS"] == "a=b"


def test_a_proxy_is_not_used_for_this_machine() -> None:
    for env in environments_of({"NO_PROXY": "example.org"}).values():
        assert env["NO_PROXY"] == "example.org,localhost,127.0.0.1"


def test_the_second_start_uses_the_compiled_files() -> None:
    for env in environments_of({"PYTHONDONTWRITEBYTECODE": "1"}).values():
        assert "PYTHONDONTWRITEBYTECODE" not in env


def test_every_port_is_different() -> None:
    ports = [env[name] for env in environments_of().values() for name in ("PORT", "METRICS_PORT") if name in env]

    assert len(ports) == len(set(ports)) == 11
