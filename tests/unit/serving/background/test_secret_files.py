import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lea_payments.serving.background.secret_files import SecretFiles
from lea_payments.settings import CheckoutSettings, read
from lea_payments.telemetry import metrics

OLD, NEW = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "rk_test_7dcjtT1zdp4eC39HqLyjWDar"
TOKEN = "d1b9f0e2c3a4d1b9f0e2c3a4"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    key = tmp_path / "key"
    key.write_text(OLD)
    monkeypatch.setenv("STRIPE_SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("PAYMENTS_API_TOKEN", TOKEN)
    return key


def _files(used: list[str]) -> SecretFiles[CheckoutSettings]:
    def use(settings: CheckoutSettings) -> None:
        used.append(settings.stripe_secret_key)

    return SecretFiles(read(CheckoutSettings), use, lambda: read(CheckoutSettings))


def test_a_changed_key_is_used_once_two_reads_agree(key: Path) -> None:
    used: list[str] = []
    files = _files(used)
    files.reload()
    key.write_text(f"{NEW}\n")

    with capture_logs() as lines:
        files.reload()
        assert used == []
        files.reload()
        files.reload()

    assert used == [NEW]
    assert lines == [{"event": "secrets_loaded", "log_level": "info"}]


@pytest.mark.parametrize("content", ["", "changeme", "sk_test_short"])
def test_an_invalid_file_keeps_the_key(key: Path, content: str) -> None:
    used: list[str] = []
    files = _files(used)
    key.write_text(content)

    with capture_logs() as lines:
        files.reload()
        files.reload()
    key.write_text(NEW)
    files.reload()
    files.reload()

    assert used == [NEW]
    assert {line["event"] for line in lines} <= {"secrets_kept"}
    assert OLD not in str(lines)


@pytest.fixture
def tokens(key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    del key
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    monkeypatch.setenv("PAYMENTS_API_TOKEN_FILE", str(tokens))
    return tokens


def _invalid_files() -> list[str]:
    """The labels of the files that the metric reports."""
    labels = (metrics.API_KEY_FILE, metrics.API_TOKENS_FILE)
    return [label for label in labels if metrics.SECRET_FILE_INVALID.labels(label)._value.get()]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (("changeme", TOKEN), ["api_key"]),
        (("", TOKEN), ["api_key"]),
        ((OLD, "short"), ["api_tokens"]),
        ((OLD, f"{TOKEN},<html>"), ["api_tokens"]),
        (("changeme", "short"), ["api_key", "api_tokens"]),
    ],
    ids=str,
)
def test_the_metric_says_which_file_is_invalid(
    key: Path, tokens: Path, contents: tuple[str, str], expected: list[str]
) -> None:
    files = _files([])
    key.write_text(contents[0])
    tokens.write_text(contents[1])
    files.reload()
    invalid = _invalid_files()
    key.write_text(OLD)
    tokens.write_text(TOKEN)
    files.reload()

    assert invalid == expected
    assert _invalid_files() == []


def test_of_two_invalid_files_the_repaired_one_is_valid(key: Path, tokens: Path) -> None:
    files = _files([])
    key.write_text("changeme")
    tokens.write_text("short")
    files.reload()
    key.write_text(OLD)
    files.reload()

    assert _invalid_files() == ["api_tokens"]
    tokens.unlink()
    files.reload()
    assert _invalid_files() == ["api_tokens"], "a file that is gone is not valid either"


def test_an_error_that_names_no_file_is_about_all(key: Path, tokens: Path) -> None:
    """Such as one of the operating system. The metric is 0 again although no secret has changed."""
    del key, tokens
    problems: list[Exception | None] = [OSError("too many open files"), None]
    invalid: list[list[str]] = []

    def read_again() -> CheckoutSettings:
        if problem := problems.pop(0):
            raise problem
        return read(CheckoutSettings)

    async def pause(_: float) -> None:
        """The pause before each read; there is no third read."""
        invalid.append(_invalid_files())
        if not problems:
            raise IndexError

    files = SecretFiles(read(CheckoutSettings), lambda _: None, read_again, pause)

    with pytest.raises(IndexError):
        asyncio.run(files.watch())
    assert invalid[1:] == [["api_key", "api_tokens"], []]


def test_the_files_are_watched_until_the_service_ends(key: Path) -> None:
    used: list[str] = []
    contents = [NEW, NEW]

    async def change_the_key(_: float) -> None:
        """The pause before each read; the third one ends the watch."""
        await asyncio.to_thread(key.write_text, contents.pop())

    files = SecretFiles(
        read(CheckoutSettings),
        lambda changed: used.append(changed.stripe_secret_key),
        lambda: read(CheckoutSettings),
        change_the_key,
    )

    with pytest.raises(IndexError):
        asyncio.run(files.watch())
    assert used == [NEW]


def test_secrets_of_the_environment_are_not_watched(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY_FILE")
    monkeypatch.setenv("STRIPE_SECRET_KEY", key.read_text())

    asyncio.run(_files([]).watch())
