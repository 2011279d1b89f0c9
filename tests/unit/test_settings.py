from pathlib import Path

import pytest

from lea_payments.settings import (
    CheckoutSettings,
    ReconcilerSettings,
    SettingsError,
    TableSettings,
    WebhookSettings,
    read,
)

CLEAR = (
    *("AWS_REGION", "DYNAMODB_PAYMENTS_TABLE", "DDB_ENDPOINT", "STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_FILE"),
    *("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "STRIPE_LIVEMODE", "PORT", "HOST", "LOG_LEVEL"),
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in CLEAR:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(str(tmp_path))


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = read(TableSettings)

    assert (settings.aws_region, settings.table) == ("ap-southeast-1", "lea-payments-local")
    assert settings.ddb_endpoint == "http://dynamodb:8000"


def test_an_empty_endpoint_means_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDB_ENDPOINT", "")

    assert not read(TableSettings).ddb_endpoint


def test_everything_wrong_or_missing_is_told_at_once_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDB_ENDPOINT", "dynamodb:8000")
    monkeypatch.setenv("PORT", "many")

    with pytest.raises(SettingsError) as error:
        read(CheckoutSettings)

    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "DDB_ENDPOINT",
        "PORT",
        "STRIPE_SECRET_KEY",
        "PAYMENTS_API_TOKEN",
    ]
    assert "sk_test_" in lines[2]


def test_a_wrong_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "pk_canary")
    monkeypatch.setenv("PAYMENTS_API_TOKEN", "token")

    with pytest.raises(SettingsError) as error:
        read(CheckoutSettings)

    assert "STRIPE_SECRET_KEY" in str(error.value)
    assert "pk_canary" not in str(error.value)


def test_the_webhook_needs_a_secret_or_a_file() -> None:
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRET is missing: set it to"):
        read(WebhookSettings)


def test_several_secrets_are_split_and_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", " whsec_new, whsec_old\n,")

    assert read(WebhookSettings).webhook_secrets == ("whsec_new", "whsec_old")


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("AWS_REGION=eu-west-1\nDYNAMODB_PAYMENTS_TABLE=from-file\n")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    settings = read(TableSettings)

    assert (settings.aws_region, settings.table) == ("us-east-1", "from-file")


@pytest.mark.parametrize(
    ("key", "livemode", "fits"),
    [
        ("sk_test_1", "false", True),
        ("rk_test_1", "false", True),
        ("sk_live_1", "true", True),
        ("rk_live_1", "false", False),
        ("sk_test_live_1", "true", False),
    ],
)
def test_the_reconciler_s_key_must_be_of_its_mode(
    monkeypatch: pytest.MonkeyPatch, key: str, livemode: str, *, fits: bool
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    if fits:
        assert read(ReconcilerSettings).interval_seconds == 300
        return
    with pytest.raises(SettingsError, match=r"STRIPE_SECRET_KEY is not a .* key, but STRIPE_LIVEMODE") as error:
        read(ReconcilerSettings)
    assert key not in str(error.value)
