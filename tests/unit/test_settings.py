from pathlib import Path

import pytest

from lea_payments.settings import (
    CheckoutSettings,
    ReconcilerSettings,
    SettingsError,
    TableSettings,
    WebhookSettings,
    mode_of,
    read,
    read_secret_file,
    signing_secrets,
    split_list,
)
from lea_payments.store.connection import DEADLINE_SECONDS

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
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_any")
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


def test_an_invalid_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize(("key", "livemode"), [("sk_test_1", "false"), ("rk_test_1", "false"), ("sk_live_1", "true")])
def test_a_key_of_the_right_mode_is_accepted(monkeypatch: pytest.MonkeyPatch, key: str, livemode: str) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    assert read(ReconcilerSettings).interval_seconds == 300


@pytest.mark.parametrize(("key", "livemode"), [("rk_live_1", "false"), ("sk_test_live_1", "true")])
def test_a_key_of_the_other_mode_is_rejected(monkeypatch: pytest.MonkeyPatch, key: str, livemode: str) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_LIVEMODE", livemode)

    with pytest.raises(SettingsError, match=r"STRIPE_SECRET_KEY is not a .* key, but STRIPE_LIVEMODE") as error:
        read(ReconcilerSettings)

    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("key", "mode"),
    [("sk_test_1", "test"), ("rk_live_1", "live"), ("pk_test_1", ""), ("sk_other_1", ""), ("", "")],
)
def test_a_key_names_its_mode(key: str, mode: str) -> None:
    assert mode_of(key) == mode


@pytest.mark.parametrize(
    ("text", "items"), [("", ()), (" , \n", ()), ("a", ("a",)), ("a,b", ("a", "b")), (" b \n\na ,", ("b", "a"))]
)
def test_a_list_is_split_at_commas_and_line_ends(text: str, items: tuple[str, ...]) -> None:
    assert split_list(text) == items


def test_a_secret_file_takes_precedence(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("whsec_file\n")

    assert signing_secrets(("whsec_variable",), file) == ("whsec_file",)
    assert signing_secrets(("whsec_variable",), None) == ("whsec_variable",)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"], ids=["no file", "no secrets", "not text"])
def test_a_bad_secret_file_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secrets"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"STRIPE_WEBHOOK_SECRET_FILE: .*; (name a readable|write one whsec_)"):
        read_secret_file(file)


def test_a_summary_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_secret")
    monkeypatch.setenv("PAYMENTS_API_TOKEN", "token-1,token-2")

    summary = read(CheckoutSettings).summary()

    assert (summary["mode"], summary["api_tokens"]) == ("test", 2)
    assert "secret" not in str(summary)
    assert "token-1" not in str(summary)


@pytest.mark.parametrize("account", ["", "acct_1Own"])
def test_the_account_can_be_set(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    monkeypatch.setenv("STRIPE_ACCOUNT", account)

    assert read(WebhookSettings).account == account


@pytest.mark.parametrize("account", ["1Own", "acct_", "acct_1, acct_2"])
def test_text_that_is_not_an_account_is_rejected(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    monkeypatch.setenv("STRIPE_ACCOUNT", account)

    with pytest.raises(SettingsError, match="STRIPE_ACCOUNT: "):
        read(WebhookSettings)
