"""Tests that variables are read without surrounding whitespace, and empty ones as unset."""

import itertools
from pathlib import Path

import pytest

from lea_demo.settings import DemoSettings
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.environment import EnvironmentSettings, strip_variables_of_libraries
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.pages.settings import PagesSettings
from lea_payments.settings import (
    CheckoutSettings,
    ModeSettings,
    ReconcilerSettings,
    TableSettings,
    WebhookSettings,
    read,
)
from lea_payments.telemetry.tracing.variables import OtelVariables
from tests.support.secrets import signing_secret

KINDS: tuple[type[EnvironmentSettings], ...] = (
    *(WebhookSettings, PagesSettings, CheckoutSettings, ReconcilerSettings, ModeSettings),
    *(NotifierSettings, CheckSettings, DemoSettings, OtelVariables),
)
REQUIRED = {
    "STRIPE_WEBHOOK_SECRET": signing_secret("current"),
    "STRIPE_SECRET_KEY": "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "PAYMENTS_API_TOKEN": "d1b9f0e2c3a4d1b9f0e2c3a4",
    "NOTIFY_URL": "https://crm.example/hooks",
    "NOTIFY_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
VALUES = {
    "HOST": "127.0.0.1",
    "LOG_LEVEL": "debug",
    "STRIPE_LIVEMODE": "false",
    "STRIPE_ACCOUNT": "acct_1Own",
    "DDB_ENDPOINT": "http://localhost:8000",
    "AWS_REGION": "eu-west-1",
    "DYNAMODB_PAYMENTS_TABLE": "payments",
    "STRIPE_API_BASE": "https://stripe.test",
    "STRIPE_WEBHOOK_SECRET_FILE": "/run/secrets/stripe/webhook-secrets",
    "STRIPE_SECRET_KEY_FILE": "stripe-key",
    "PAYMENTS_API_TOKEN_FILE": "api-tokens",
    "NOTIFICATIONS": "true",
    "NOTIFY_ALLOW_HTTP": "true",
    "NOTIFY_EVENTS": "payment.completed",
    "NOTIFY_SECRET_FILE": "notify-secrets",
    "NOTIFY_RETRY_SECONDS": "5,300",
    "PAGES_BASE_URL": "https://pay.example.com",
    "PAGES_SUPPORT_CONTACT": "tel:+6561234567",
    "PAGES_CONVERSATION_URL": "https://chat.example.com",
    "PAGES_LOGO": "data:image/svg+xml;base64,PHN2Zz4=",
    "PAGES_NEXT_STEPS": '{"en": "Next"}',
    "PAGES_TIME_ZONE": "UTC",
    "RETURN_URL_ORIGINS": "https://chat.example.com",
    **REQUIRED,
}


def variables_of(kind: type[EnvironmentSettings]) -> list[str]:
    return [str(field.validation_alias or name.upper()) for name, field in kind.model_fields.items()]


ALL_VARIABLES = sorted({name for kind in KINDS for name in variables_of(kind)})


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ALL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "NOTIFY_SECRET"):
        Path(VALUES[f"{name}_FILE"]).write_text(f"{REQUIRED[name]}\n")


@pytest.mark.parametrize("space", ["\n", " ", "\r\n"], ids=["newline", "space", "Windows"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_whitespace_around_a_value_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: type[EnvironmentSettings], space: str
) -> None:
    values = {name: VALUES.get(name, "8") for name in variables_of(kind)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    exact = kind()
    for name, value in values.items():
        monkeypatch.setenv(name, f"{space}{value}{space}")

    assert kind() == exact


@pytest.mark.parametrize("blank", ["", " \n"], ids=["empty", "whitespace"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_empty_variable_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, kind: type[EnvironmentSettings], blank: str
) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    defaults = kind()
    for name in {*variables_of(kind)} - {*REQUIRED, "DDB_ENDPOINT"}:
        monkeypatch.setenv(name, blank)

    assert kind() == defaults


@pytest.mark.parametrize("blank", ["", " \n"], ids=["empty", "whitespace"])
def test_only_an_empty_endpoint_has_a_meaning(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("DDB_ENDPOINT", blank)

    assert read(TableSettings).ddb_endpoint == ""
    assert set(itertools.chain(*(kind.empty_is_a_value for kind in KINDS))) == {"DDB_ENDPOINT"}


def test_an_empty_variable_does_not_hide_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("METRICS_PORT= 9000\nLOG_LEVEL=\n")
    monkeypatch.setenv("METRICS_PORT", "")

    assert (read(TableSettings).metrics_port, read(TableSettings).log_level) == (9000, "info")


def test_variables_of_libraries_are_stripped_or_removed() -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "secret\n",
        "AWS_PROFILE": "",
        "https_proxy": " http://proxy:3128 ",
        "NO_PROXY": " ",
        "PS1": "$ ",
    }

    strip_variables_of_libraries(environment)

    assert environment == {"AWS_SECRET_ACCESS_KEY": "secret", "https_proxy": "http://proxy:3128", "PS1": "$ "}
