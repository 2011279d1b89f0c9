from pathlib import Path

import pytest

from lea_payments.commands.checks import settings as check_settings
from lea_payments.commands.checks.finding import Finding
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.secrets.rules import DEMO_TOKEN, EMULATOR_SECRET
from tests.support.secrets import signing_secret

SECRET = signing_secret("current")
KEY, LIVE_KEY, TOKEN = (
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "d1b9f0e2c3a4d1b9f0e2c3a4",
)
AWS = {"DDB_ENDPOINT": ""}


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _finding(subject: str, variables: dict[str, str]) -> Finding:
    settings = CheckSettings.model_validate(variables)
    (finding,) = [one for one in check_settings.findings(settings) if one.subject == subject]
    return finding


@pytest.mark.parametrize(
    ("variables", "state", "says"),
    [
        ({}, "note", "not set: only the webhook needs STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": SECRET, **AWS}, "ok", "1, the first is current"),
        ({"STRIPE_WEBHOOK_SECRET": EMULATOR_SECRET}, "ok", "1, the first is current"),
        ({"STRIPE_WEBHOOK_SECRET": f"{SECRET},null"}, "wrong", "STRIPE_WEBHOOK_SECRET: number 2 of 2 is a placeholder"),
        (
            {"STRIPE_WEBHOOK_SECRET_FILE": "/nowhere"},
            "wrong",
            "STRIPE_WEBHOOK_SECRET_FILE: the file cannot be read (No such file or directory)",
        ),
    ],
)
def test_the_signing_secrets_are_checked(variables: dict[str, str], state: str, says: str) -> None:
    finding = _finding("signing secrets", variables)

    assert (finding.state, finding.says) == (state, says)


def test_the_secrets_in_a_file_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET}\n{EMULATOR_SECRET}\n")
    variables = {"STRIPE_WEBHOOK_SECRET_FILE": str(file)}

    assert _finding("signing secrets", variables).says == "2, the first is current"
    assert "number 2 of 2 is published" in _finding("signing secrets", variables | AWS).says


@pytest.mark.parametrize(
    ("key", "livemode", "subject", "state"),
    [
        (KEY, "false", "mode", "ok"),
        (f" {KEY}\n", "false", "mode", "ok"),
        (LIVE_KEY, "true", "mode", "ok"),
        (LIVE_KEY, "false", "mode", "wrong"),
        (KEY, "true", "mode", "wrong"),
        ("pk_live_4eC39HqLyjWDarjtT1zdp7dc", "true", "API key", "wrong"),
        ("sk_test_4eC3", "false", "API key", "wrong"),
        ("sk_1", "false", "API key", "wrong"),
    ],
)
def test_the_key_must_match_the_livemode_setting(key: str, livemode: str, subject: str, state: str) -> None:
    finding = _finding(subject, {"STRIPE_SECRET_KEY": key, "STRIPE_LIVEMODE": livemode})

    assert finding.state == state
    assert key.strip() not in finding.says + finding.remedy


@pytest.mark.parametrize(
    ("variables", "state"),
    [
        ({"PAYMENTS_API_TOKEN": TOKEN}, "ok"),
        ({"PAYMENTS_API_TOKEN": DEMO_TOKEN}, "ok"),
        ({"PAYMENTS_API_TOKEN": DEMO_TOKEN, **AWS}, "wrong"),
        ({"PAYMENTS_API_TOKEN": DEMO_TOKEN, "STRIPE_SECRET_KEY": LIVE_KEY}, "wrong"),
        ({"PAYMENTS_API_TOKEN": f"{TOKEN},changeme"}, "wrong"),
    ],
)
def test_the_tokens_are_checked(variables: dict[str, str], state: str) -> None:
    finding = _finding("API tokens", variables)

    assert finding.state == state
    assert bool(finding.remedy) == (state == "wrong")


@pytest.mark.parametrize(
    ("variables", "applies"),
    [
        ({"STRIPE_WEBHOOK_SECRET": "whsec_1"}, True),
        ({"STRIPE_WEBHOOK_SECRET_FILE": "/secret"}, True),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, True),
        ({"STRIPE_SECRET_KEY": "sk_test_1", "PAYMENTS_API_TOKEN": "token"}, False),
        ({}, False),
    ],
)
def test_a_service_applies_events_with_these_settings(variables: dict[str, str], *, applies: bool) -> None:
    assert CheckSettings.model_validate(variables).applies_events is applies


NOTIFY = {"NOTIFY_URL": "https://crm.example/", "NOTIFY_SECRET": f"whsec_{'MDEy' * 10}"}


@pytest.mark.parametrize(
    ("variables", "state", "says"),
    [
        ({"NOTIFICATIONS": "true"}, "note", "changes are marked for the notifier; only the notifier needs NOTIFY_URL"),
        (NOTIFY | {"NOTIFICATIONS": "true"}, "ok", "1 endpoint (default) with 1 secret"),
        (NOTIFY, "note", "1 endpoint (default) with 1 secret, but NOTIFICATIONS is not true here"),
        (NOTIFY | {"NOTIFY_SECRET": ""}, "wrong", "NOTIFY_SECRET: endpoint default has no secret"),
        (NOTIFY | {"NOTIFY_URL": "https://"}, "wrong", "NOTIFY_URL: the URL of endpoint default names no host"),
        (
            {"NOTIFY_SECRET_FILE": "/nowhere"},
            "wrong",
            "NOTIFY_URL is missing: set it to the https URL of your receiver",
        ),
    ],
)
def test_the_notifications_are_checked(variables: dict[str, str], state: str, says: str) -> None:
    finding = _finding("notifications", variables)

    assert (finding.state, finding.says) == (state, says)


def test_notifications_that_are_off_are_not_mentioned() -> None:
    settings = CheckSettings.model_validate({})

    assert "notifications" not in [finding.subject for finding in check_settings.findings(settings)]
