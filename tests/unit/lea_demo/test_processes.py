from collections.abc import Mapping

import pytest

from lea_demo.processes import parts_of
from lea_demo.settings import DemoSettings
from lea_demo.texts import forwarding
from lea_payments.stripe.events import TRANSLATORS

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


def environments(**variables: str) -> Mapping[str, Mapping[str, str]]:
    return {part.name: part.env for part in parts_of(DemoSettings.model_validate(variables))}


def test_each_part_holds_only_the_secret_that_it_needs() -> None:
    found = environments()

    holders = {
        variable: [name for name, env in found.items() if variable in env]
        for variable in ("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "STRIPE_WEBHOOK_SECRET", "EMULATOR_WEBHOOK_SECRET")
    }
    assert holders == {
        "STRIPE_SECRET_KEY": ["checkout"],
        "PAYMENTS_API_TOKEN": ["checkout"],
        "STRIPE_WEBHOOK_SECRET": ["webhook"],
        "EMULATOR_WEBHOOK_SECRET": ["stripe"],
    }


def test_the_emulator_signs_with_the_webhook_s_secret() -> None:
    found = environments()

    assert found["stripe"]["EMULATOR_WEBHOOK_SECRET"] == found["webhook"]["STRIPE_WEBHOOK_SECRET"]
    assert found["stripe"]["EMULATOR_WEBHOOK_URL"] == "http://localhost:8086/webhook/stripe"
    assert found["checkout"]["STRIPE_API_BASE"] == "http://localhost:8087"


def test_a_sandbox_takes_the_emulator_s_place() -> None:
    found = environments(**SANDBOX)

    assert "stripe" not in found
    assert found["webhook"]["STRIPE_WEBHOOK_SECRET"] == "whsec_mine"
    assert found["checkout"]["STRIPE_SECRET_KEY"] == "sk_test_mine"
    assert found["checkout"]["STRIPE_API_BASE"] == "https://api.stripe.com"


def test_no_part_can_reach_another_table_or_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "STRIPE_WEBHOOK_SECRET_FILE"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("DDB_ENDPOINT", "")

    for env in environments().values():
        assert "mine" not in env.values()
        assert env["DDB_ENDPOINT"] == "http://127.0.0.1:8000"
        assert env["AWS_ACCESS_KEY_ID"] == "demo"


def test_a_collector_of_traces_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b")

    for env in environments(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318").values():
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"
        assert env["OTEL_EXPORTER_OTLP_HEADERS"] == "a=b"


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")

    for env in environments().values():
        assert env["NO_PROXY"] == "example.org,localhost,127.0.0.1"


def test_a_second_start_need_not_compile_what_the_first_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    for env in environments().values():
        assert "PYTHONDONTWRITEBYTECODE" not in env


def test_every_port_is_its_own() -> None:
    ports = [env[name] for env in environments().values() for name in ("PORT", "METRICS_PORT") if name in env]

    assert len(ports) == len(set(ports)) == 7


def test_stripe_is_told_to_forward_exactly_the_events_that_we_use() -> None:
    command = forwarding(DemoSettings.model_validate({"DEMO_WEBHOOK_PORT": "9000"}))

    before, _, events = command.partition(" --events ")
    assert before == "stripe listen --forward-to localhost:9000/webhook/stripe"
    assert events.split(",") == list(TRANSLATORS)
