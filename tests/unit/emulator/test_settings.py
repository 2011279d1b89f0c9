"""Tests the settings from environment variables."""

import pytest

from stripe_emulator import settings


def test_an_empty_environment_is_enough() -> None:
    assert settings.read({}) == settings.Settings()


EVERYTHING = {
    "HOST": "127.0.0.1",
    "PORT": "9000",
    "EMULATOR_PUBLIC_URL": "https://pay.test/",
    "EMULATOR_WEBHOOK_URL": "http://webhook:8086/webhook/",
    "EMULATOR_WEBHOOK_SECRET": "whsec_current, whsec_previous",
    "EMULATOR_RETRY_BASE_SECONDS": "0.1",
    "EMULATOR_RETRY_ATTEMPTS": "3",
    "EMULATOR_DELIVERY_TIMEOUT_SECONDS": "2",
    "EMULATOR_REDIRECT_WAIT_SECONDS": "1",
    "LOG_LEVEL": "DEBUG",
}


@pytest.mark.parametrize("source", ["overrides", "environment"])
def test_everything_can_be_set(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    for name, value in EVERYTHING.items():
        monkeypatch.setenv(name, value if source == "environment" else "1")

    assert settings.read(EVERYTHING if source == "overrides" else {}) == settings.Settings(
        host="127.0.0.1",
        port=9000,
        public_url="https://pay.test",
        webhook_url="http://webhook:8086/webhook/",
        webhook_secrets=("whsec_current", "whsec_previous"),
        retry_base_seconds=0.1,
        retry_attempts=3,
        delivery_timeout_seconds=2.0,
        redirect_wait_seconds=1.0,
        log_level="debug",
    )


def test_whitespace_around_a_value_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EVERYTHING.items():
        monkeypatch.setenv(name, f" {value}\n")

    assert settings.read({}) == settings.read(EVERYTHING)


def test_pay_links_follow_the_port() -> None:
    assert settings.read({"PORT": "9000"}).public_url == "http://localhost:9000"


def test_blank_variables_count_as_unset() -> None:
    assert settings.read(dict.fromkeys(settings.VARIABLES, " ")) == settings.Settings()


def test_all_problems_are_reported_together() -> None:
    wrong = {
        "PORT": "70000",
        "EMULATOR_PUBLIC_URL": "pay.test",
        "EMULATOR_WEBHOOK_URL": "webhook",
        "EMULATOR_WEBHOOK_SECRET": " , ",
        "EMULATOR_RETRY_BASE_SECONDS": "soon",
        "EMULATOR_RETRY_ATTEMPTS": "0",
        "EMULATOR_DELIVERY_TIMEOUT_SECONDS": "inf",
        "EMULATOR_REDIRECT_WAIT_SECONDS": "-1",
        "LOG_LEVEL": "loud",
    }

    with pytest.raises(settings.SettingsError) as error_info:
        settings.read(wrong)

    assert [line.partition("=")[0] for line in str(error_info.value).splitlines()] == list(wrong)


def test_a_wrong_port_is_one_problem() -> None:
    with pytest.raises(settings.SettingsError) as error_info:
        settings.read({"PORT": "no"})

    assert str(error_info.value) == "PORT=no: must be a port number from 1 to 65535"


def test_the_help_describes_every_variable() -> None:
    assert settings.VARIABLES.keys() == EVERYTHING.keys()
    assert all(settings.VARIABLES.values())
