from pathlib import Path

import pytest
from pydantic import ValidationError

from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.secrets.fields import is_development, mode_of
from lea_payments.secrets.rules import DEMO_TOKEN, EMULATOR_SECRET
from lea_payments.settings import (
    CheckoutSettings,
    ReconcilerSettings,
    Settings,
    SettingsError,
    WebhookSettings,
    read,
)
from tests.support.secrets import signing_secret

KEY, TOKEN = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "d1b9f0e2c3a4d1b9f0e2c3a4"
LOCAL, EMULATOR, AWS = (
    {"DDB_ENDPOINT": "http://dynamodb:8000"},
    {"STRIPE_API_BASE": "http://emulator:8087"},
    {"DDB_ENDPOINT": ""},
)
LIVE_KEY = {"STRIPE_SECRET_KEY": "sk_live_4eC39HqLyjWDarjtT1zdp7dc"}


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("key", "mode"),
    [("sk_test_1", "test"), ("rk_live_1", "live"), ("pk_test_1", ""), ("sk_other_1", ""), ("", "")],
)
def test_a_key_names_its_mode(key: str, mode: str) -> None:
    assert mode_of(key) == mode


def test_development_has_a_local_table_and_no_live_mode() -> None:
    assert is_development("http://dynamodb:8000", livemode=False)
    assert is_development("http://dynamodb:8000", livemode=False, key=KEY)
    assert not is_development("http://dynamodb:8000", livemode=True)
    assert not is_development("http://dynamodb:8000", livemode=False, key=LIVE_KEY["STRIPE_SECRET_KEY"])
    assert not is_development("", livemode=False)


CHECKOUT = {"STRIPE_SECRET_KEY": KEY, "PAYMENTS_API_TOKEN": TOKEN}
VALID: dict[str, tuple[type[Settings], dict[str, str]]] = {
    "real secrets": (WebhookSettings, {"STRIPE_WEBHOOK_SECRET": signing_secret("1"), **AWS, "STRIPE_LIVEMODE": "true"}),
    "real key and token": (CheckoutSettings, CHECKOUT | LIVE_KEY | AWS),
    "space around a key": (ReconcilerSettings, {"STRIPE_SECRET_KEY": f" {KEY}\r\n"}),
    "emulator's secret": (WebhookSettings, {"STRIPE_WEBHOOK_SECRET": EMULATOR_SECRET, **LOCAL}),
    "demo's token": (CheckoutSettings, CHECKOUT | {"PAYMENTS_API_TOKEN": DEMO_TOKEN, **LOCAL}),
    "short key": (CheckoutSettings, CHECKOUT | {"STRIPE_SECRET_KEY": "sk_test_demo", **EMULATOR}),
    "reconciler's short key": (ReconcilerSettings, {"STRIPE_SECRET_KEY": "sk_test_demo", **EMULATOR}),
}


@pytest.mark.parametrize("name", VALID)
def test_secrets_are_valid_beside_their_endpoints(name: str) -> None:
    kind, variables = VALID[name]

    assert kind.model_validate(variables)


INVALID: dict[str, tuple[type[Settings], dict[str, str]]] = {
    "emulator's secret at AWS": (WebhookSettings, {"STRIPE_WEBHOOK_SECRET": EMULATOR_SECRET, **AWS}),
    "emulator's secret, live": (
        WebhookSettings,
        {"STRIPE_WEBHOOK_SECRET": EMULATOR_SECRET, **LOCAL, "STRIPE_LIVEMODE": "true"},
    ),
    "demo's token at AWS": (CheckoutSettings, CHECKOUT | {"PAYMENTS_API_TOKEN": DEMO_TOKEN, **AWS}),
    "demo's token with a live key": (
        CheckoutSettings,
        CHECKOUT | LIVE_KEY | {"PAYMENTS_API_TOKEN": DEMO_TOKEN, **LOCAL},
    ),
    "short key at Stripe": (CheckoutSettings, CHECKOUT | {"STRIPE_SECRET_KEY": "sk_test_demo"}),
    "reconciler's short key at Stripe": (ReconcilerSettings, {"STRIPE_SECRET_KEY": "sk_test_demo"}),
    "one bad token of two": (CheckoutSettings, CHECKOUT | {"PAYMENTS_API_TOKEN": f"{TOKEN},null"}),
    "one bad secret of two": (WebhookSettings, {"STRIPE_WEBHOOK_SECRET": f"{signing_secret('1')},changeme"}),
}


@pytest.mark.parametrize("name", INVALID)
def test_secrets_are_invalid_beside_other_endpoints(name: str) -> None:
    kind, variables = INVALID[name]

    with pytest.raises(ValidationError) as error_info:
        kind.model_validate(variables)

    assert error_info.value.error_count() == 1


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "tokens").write_text(f"{TOKEN}\n{TOKEN}2\r\n")
    return {"STRIPE_SECRET_KEY_FILE": f"{tmp_path}/key", "PAYMENTS_API_TOKEN_FILE": f"{tmp_path}/tokens"}


def test_a_key_and_tokens_can_be_in_files(files: dict[str, str]) -> None:
    checkout = CheckoutSettings.model_validate({"STRIPE_SECRET_KEY": "", **files})

    assert (checkout.stripe_secret_key, checkout.api_tokens) == (KEY, (TOKEN, f"{TOKEN}2"))
    assert ReconcilerSettings.model_validate(files).stripe_secret_key == KEY


def test_check_reads_the_same_files(files: dict[str, str]) -> None:
    settings = CheckSettings.model_validate(files)

    assert (settings.stripe_secret_key, settings.api_tokens) == (KEY, (TOKEN, f"{TOKEN}2"))
    assert CheckSettings.model_validate({}).stripe_secret_key == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "STRIPE_SECRET_KEY_FILE: it has no secret"),
        (b"\xff", "STRIPE_SECRET_KEY_FILE: it is not text in UTF-8"),
        (b"whsec_1", "it is a signing secret and not an API key"),
    ],
    ids=["empty", "binary", "another secret"],
)
def test_an_invalid_file_is_explained(files: dict[str, str], tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(ValidationError) as error_info:
        CheckoutSettings.model_validate(files)
    assert problem in str(error_info.value)


def test_a_missing_secret_is_reported_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENTS_API_TOKEN", TOKEN)

    with pytest.raises(SettingsError, match=r"^STRIPE_SECRET_KEY: Field required; set it to a key"):
        read(CheckoutSettings)
