from pathlib import Path

import pytest

from lea_payments.secrets.rules import EMULATOR_SECRET
from lea_payments.settings import (
    CheckoutSettings,
    ReconcilerSettings,
    SettingsError,
    TableSettings,
    WebhookSettings,
    read,
)
from lea_payments.store.connection import DEADLINE_SECONDS
from tests.support.secrets import signing_secret

KEY, TOKEN = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "d1b9f0e2c3a4d1b9f0e2c3a4"
LIVE_KEY = "rk_live_4eC39HqLyjWDarjtT1zdp7dc"
SECRET, NEXT_SECRET = signing_secret("current"), signing_secret("next")
VARIABLES = (
    *("AWS_REGION", "DYNAMODB_PAYMENTS_TABLE", "DDB_ENDPOINT", "STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_FILE"),
    *("STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "STRIPE_LIVEMODE", "STRIPE_ACCOUNT", "PORT", "HOST", "LOG_LEVEL"),
    *("KEEP_ALIVE_SECONDS", "DELIVERY_DEADLINE_SECONDS"),
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(str(tmp_path))


def test_the_defaults_match_the_contract() -> None:
    settings = read(TableSettings)

    assert (settings.aws_region, settings.table) == ("ap-southeast-1", "lea-payments-local")
    assert settings.ddb_endpoint == "http://dynamodb:8000"


@pytest.mark.parametrize(("text", "valid"), [("1", True), ("3600", True), ("0", False), ("3601", False), ("x", False)])
def test_idle_connections_stay_open_up_to_an_hour(monkeypatch: pytest.MonkeyPatch, text: str, *, valid: bool) -> None:
    assert read(TableSettings).keep_alive_seconds == 75
    monkeypatch.setenv("KEEP_ALIVE_SECONDS", text)

    if valid:
        assert read(TableSettings).keep_alive_seconds == int(text)
    else:
        with pytest.raises(SettingsError, match="KEEP_ALIVE_SECONDS: "):
            read(TableSettings)


@pytest.mark.parametrize(
    ("text", "valid"),
    [("1", True), ("2.5", True), ("9", True), ("0.9", False), ("9.1", False), ("10", False), ("nan", False)],
)
def test_the_deadline_of_a_delivery_is_below_stripes(
    monkeypatch: pytest.MonkeyPatch, text: str, *, valid: bool
) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    assert read(WebhookSettings).delivery_deadline_seconds == DEADLINE_SECONDS
    monkeypatch.setenv("DELIVERY_DEADLINE_SECONDS", text)

    if valid:
        assert read(WebhookSettings).delivery_deadline_seconds == float(text)
    else:
        with pytest.raises(SettingsError, match="DELIVERY_DEADLINE_SECONDS: "):
            read(WebhookSettings)


def test_an_empty_endpoint_means_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDB_ENDPOINT", "")

    assert not read(TableSettings).ddb_endpoint


def test_all_problems_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert lines[1].endswith("; see docs/reference/settings.md")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_canary", "it is a publishable key and not a secret one; set it to a key from"),
        (
            "PAYMENTS_API_TOKEN",
            f"{TOKEN},canary",
            "number 2 of 2 has fewer than 16 characters and can be guessed; set it",
        ),
        ("STRIPE_WEBHOOK_SECRET", f"'{SECRET}'", "it has quotation marks; copy it from Stripe's dashboard"),
    ],
)
def test_an_invalid_secret_is_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    for variable, valid in {"STRIPE_SECRET_KEY": KEY, "PAYMENTS_API_TOKEN": TOKEN, name: value}.items():
        monkeypatch.setenv(variable, valid)

    with pytest.raises(SettingsError) as error:
        read(WebhookSettings if name == "STRIPE_WEBHOOK_SECRET" else CheckoutSettings)

    assert str(error.value).startswith(f"{name}: {sentence}")
    assert len(str(error.value).splitlines()) == 1
    assert "canary" not in str(error.value)
    assert SECRET[6:16] not in str(error.value)


def test_the_webhook_needs_a_secret_or_a_file() -> None:
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRET is missing: set it to"):
        read(WebhookSettings)


def test_several_secrets_are_split_and_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", f" {NEXT_SECRET}, {SECRET}\n,")

    assert read(WebhookSettings).webhook_secrets == (NEXT_SECRET, SECRET)


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("AWS_REGION=eu-west-1\nDYNAMODB_PAYMENTS_TABLE=from-file\n")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    settings = read(TableSettings)

    assert (settings.aws_region, settings.table) == ("us-east-1", "from-file")


@pytest.mark.parametrize(("key", "livemode"), [(KEY, "false"), (LIVE_KEY, "true")])
def test_a_key_of_the_right_mode_is_accepted(monkeypatch: pytest.MonkeyPatch, key: str, livemode: str) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    assert read(ReconcilerSettings).interval_seconds == 300


@pytest.mark.parametrize(("key", "livemode"), [(LIVE_KEY, "false"), ("sk_test_live_4eC39HqLyjWDarjtT1z", "true")])
def test_a_key_of_the_other_mode_is_rejected(monkeypatch: pytest.MonkeyPatch, key: str, livemode: str) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    with pytest.raises(SettingsError, match=r"STRIPE_SECRET_KEY is not a .* key, but STRIPE_LIVEMODE") as error:
        read(ReconcilerSettings)

    assert key not in str(error.value)


def test_a_secret_file_takes_precedence(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{NEXT_SECRET}\n{SECRET}\n")
    variables = {"STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_WEBHOOK_SECRET_FILE": file}

    assert WebhookSettings.model_validate(variables).signing_secrets() == (NEXT_SECRET, SECRET)
    assert WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": SECRET}).signing_secrets() == (SECRET,)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, r"the file cannot be read \(No such file or directory\)", id="no file"),
        pytest.param("", "it has no secret", id="no secrets"),
        pytest.param(f"{SECRET},null", "number 2 of 2 is a placeholder", id="one bad entry"),
        pytest.param(EMULATOR_SECRET, "it is published .*", id="published, in live mode"),
    ],
)
def test_a_bad_secret_file_says_what_to_do(tmp_path: Path, content: str | None, problem: str) -> None:
    file = tmp_path / "secrets"
    if content is not None:
        file.write_text(content)
    variables = {"STRIPE_WEBHOOK_SECRET_FILE": file, "STRIPE_LIVEMODE": "true"}

    with pytest.raises(SettingsError, match=f"^STRIPE_WEBHOOK_SECRET_FILE: {problem}; write only signing secrets"):
        WebhookSettings.model_validate(variables).signing_secrets()


def test_a_summary_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
    monkeypatch.setenv("PAYMENTS_API_TOKEN", f"{TOKEN},{TOKEN}")

    summary = read(CheckoutSettings).summary()

    assert (summary["mode"], summary["api_tokens"]) == ("test", 2)
    assert KEY not in str(summary)
    assert TOKEN not in str(summary)


@pytest.mark.parametrize("account", ["", "acct_1Own"])
def test_the_account_can_be_set(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("STRIPE_ACCOUNT", account)

    assert read(WebhookSettings).account == account


@pytest.mark.parametrize("account", ["1Own", "acct_", "acct_1, acct_2"])
def test_text_that_is_not_an_account_is_rejected(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("STRIPE_ACCOUNT", account)

    with pytest.raises(SettingsError, match="STRIPE_ACCOUNT: "):
        read(WebhookSettings)
