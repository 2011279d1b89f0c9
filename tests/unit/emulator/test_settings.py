"""The environment, read once."""

import pytest

from stripe_emulator import settings


def test_an_empty_environment_is_enough() -> None:
    assert settings.read({}) == settings.Settings()


def test_everything_can_be_set() -> None:
    read = settings.read(
        {
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
    )

    assert read == settings.Settings(
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


def test_pay_links_follow_the_port() -> None:
    assert settings.read({"PORT": "9000"}).public_url == "http://localhost:9000"


def test_everything_wrong_is_named_at_once() -> None:
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

    with pytest.raises(settings.WrongSettingsError) as refused:
        settings.read(wrong)

    assert [line.partition("=")[0] for line in str(refused.value).splitlines()] == list(wrong)


def test_the_help_names_every_variable_that_is_read() -> None:
    asked: list[str] = []

    class Environment(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            asked.append(name)
            return default

    settings.read(Environment())

    assert set(asked) == settings.VARIABLES.keys()
