from collections.abc import Mapping

import pytest

from lea_demo.services import services_of
from lea_demo.settings import DemoSettings

SANDBOX = {
    "STRIPE_SECRET_KEY": "sk_test_mine",
    "STRIPE_WEBHOOK_SECRET": "whsec_mine",
    "STRIPE_API_BASE": "https://api.stripe.com",
}


@pytest.fixture(autouse=True)
def no_dot_env(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for name in SANDBOX:
        monkeypatch.delenv(name, raising=False)


def environments(shell: Mapping[str, str] | None = None, /, **variables: str) -> Mapping[str, Mapping[str, str]]:
    settings = DemoSettings.model_validate(variables)
    return {service.name: service.env for service in services_of(settings, shell or {})}


def test_each_service_has_only_the_secrets_that_it_needs() -> None:
    env_of = environments()

    holders = {
        variable: [name for name, env in env_of.items() if variable in env]
        for variable in ("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "STRIPE_WEBHOOK_SECRET", "EMULATOR_WEBHOOK_SECRET")
    }
    assert holders == {
        "STRIPE_SECRET_KEY": ["checkout"],
        "PAYMENTS_API_TOKEN": ["checkout"],
        "STRIPE_WEBHOOK_SECRET": ["webhook"],
        "EMULATOR_WEBHOOK_SECRET": ["stripe"],
    }


def test_the_emulator_signs_with_the_webhooks_secret() -> None:
    env_of = environments()

    assert env_of["stripe"]["EMULATOR_WEBHOOK_SECRET"] == env_of["webhook"]["STRIPE_WEBHOOK_SECRET"]
    assert env_of["stripe"]["EMULATOR_WEBHOOK_URL"] == "http://localhost:8086/webhook/stripe"
    assert env_of["checkout"]["STRIPE_API_BASE"] == "http://localhost:8087"


def test_a_sandbox_replaces_the_emulator() -> None:
    env_of = environments(**SANDBOX)

    assert "stripe" not in env_of
    assert env_of["webhook"]["STRIPE_WEBHOOK_SECRET"] == "whsec_mine"
    assert env_of["checkout"]["STRIPE_SECRET_KEY"] == "sk_test_mine"
    assert env_of["checkout"]["STRIPE_API_BASE"] == "https://api.stripe.com"


def test_no_service_can_reach_another_table_or_account() -> None:
    names = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "STRIPE_WEBHOOK_SECRET_FILE")
    shell = {"DDB_ENDPOINT": "", "AWS_ACCESS_KEY_ID": "mine"} | dict.fromkeys(names, "mine")

    for env in environments(shell).values():
        assert "mine" not in env.values()
        assert env["DDB_ENDPOINT"] == "http://127.0.0.1:8000"
        assert env["AWS_ACCESS_KEY_ID"] == "demo"


def test_a_trace_collector_is_passed_to_the_services() -> None:
    shell = {"OTEL_EXPORTER_OTLP_HEADERS": "a=b"}

    for env in environments(shell, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318").values():
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
        assert env["OTEL_EXPORTER_OTLP_HEADERS"] == "a=b"


def test_a_proxy_is_not_used_for_this_machine() -> None:
    for env in environments({"NO_PROXY": "example.org"}).values():
        assert env["NO_PROXY"] == "example.org,localhost,127.0.0.1"


def test_the_second_start_uses_the_compiled_files() -> None:
    for env in environments({"PYTHONDONTWRITEBYTECODE": "1"}).values():
        assert "PYTHONDONTWRITEBYTECODE" not in env


def test_every_port_is_different() -> None:
    ports = [env[name] for env in environments().values() for name in ("PORT", "METRICS_PORT") if name in env]

    assert len(ports) == len(set(ports)) == 7
