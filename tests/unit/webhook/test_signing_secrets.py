import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lea_payments.settings import SettingsError, WebhookSettings
from lea_payments.webhook.signing_secrets import CHECK_SECONDS, SigningSecrets


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "secrets"
    file.write_text("whsec_1\n")
    return file


def _from_file(file: Path, clock: Clock) -> SigningSecrets:
    return SigningSecrets(WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET_FILE": file}), clock)


def _change(file: Path, clock: Clock, text: str) -> None:
    file.write_text(text)
    clock.now += CHECK_SECONDS


def test_secrets_from_the_environment_never_change(clock: Clock) -> None:
    secrets = SigningSecrets(WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": "whsec_1, whsec_2"}), clock)
    clock.now += CHECK_SECONDS

    assert secrets() == ("whsec_1", "whsec_2")


def test_a_changed_file_is_read_after_a_second(file: Path, clock: Clock) -> None:
    secrets = _from_file(file, clock)
    file.write_text("whsec_2\nwhsec_1\n")

    assert secrets() == ("whsec_1",)
    clock.now += CHECK_SECONDS
    assert secrets() == ("whsec_2", "whsec_1")


def test_an_unchanged_file_is_not_read_again(file: Path, clock: Clock) -> None:
    secrets = _from_file(file, clock)
    status = file.stat()
    file.write_text("whsec_2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    clock.now += CHECK_SECONDS

    assert secrets() == ("whsec_1",)


def _make_empty(file: Path) -> None:
    file.write_text(" \n,\n")


def _make_binary(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    "damage", [_make_empty, _make_binary, Path.unlink], ids=["no secrets", "not text", "no such file"]
)
def test_a_damaged_file_keeps_the_last_secrets(file: Path, clock: Clock, damage: Callable[[Path], None]) -> None:
    secrets = _from_file(file, clock)
    damage(file)
    clock.now += CHECK_SECONDS

    with capture_logs() as lines:
        assert secrets() == ("whsec_1",)
    assert [line["event"] for line in lines] == ["signing_secrets_kept"]
    _change(file, clock, "whsec_repaired\n")
    assert secrets() == ("whsec_repaired",)


@pytest.mark.parametrize("damage", [_make_empty, Path.unlink], ids=["no secrets", "no such file"])
def test_a_damaged_file_is_an_error_at_startup(file: Path, clock: Clock, damage: Callable[[Path], None]) -> None:
    damage(file)

    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRET_FILE"):
        _from_file(file, clock)
