import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lea_payments.serving.background.secret_files import SecretFiles
from lea_payments.settings import CheckoutSettings, read

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
