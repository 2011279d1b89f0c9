import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from lea_payments.settings import SettingsError, WebhookSettings
from lea_payments.telemetry import metrics
from lea_payments.webhook.signing_secrets import SigningSecrets
from tests.support.secrets import signing_secret

FIRST, SECOND = signing_secret("first"), signing_secret("second")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "secrets"
    file.write_text(f"{FIRST}\n")
    return file


def _from_file(file: Path) -> SigningSecrets:
    return SigningSecrets(WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET_FILE": file}))


def _is_reported_invalid() -> bool:
    return bool(metrics.SECRET_FILE_INVALID.labels(metrics.SIGNING_SECRETS_FILE)._value.get())


async def test_secrets_from_the_environment_never_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secrets = SigningSecrets(WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET": f"{FIRST}, {SECOND}"}))

    await secrets.watch()

    assert secrets() == (FIRST, SECOND)


def test_the_file_is_watched_without_deliveries(file: Path) -> None:
    contents = [f"{SECOND}\n{FIRST}\n"] * 2

    async def change_the_file(_: float) -> None:
        """The pause before each read; the third one ends the watch."""
        await asyncio.to_thread(file.write_text, contents.pop())

    settings = WebhookSettings.model_validate({"STRIPE_WEBHOOK_SECRET_FILE": file})
    secrets = SigningSecrets(settings, change_the_file)

    with pytest.raises(IndexError):
        asyncio.run(secrets.watch())
    assert secrets() == (SECOND, FIRST)


def test_a_changed_file_is_read_and_logged_once(file: Path) -> None:
    secrets = _from_file(file)
    file.write_text(f"{SECOND}\r\n{FIRST} \n\n")

    with capture_logs() as lines:
        secrets.reload()
        assert secrets() == (FIRST,)
        secrets.reload()
        secrets.reload()

    assert secrets() == (SECOND, FIRST)
    assert lines == [{"event": "signing_secrets_loaded", "log_level": "info", "count": 2}]


def _make_empty(file: Path) -> None:
    file.write_text(" \n,\n")


def _make_binary(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def _add_a_comment(file: Path) -> None:
    file.write_text(f"# the new one\n{SECOND}\n{FIRST}\n")


def _cut(file: Path) -> None:
    file.write_text(FIRST[:-1])


def _make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES = [_make_empty, _make_binary, _add_a_comment, _cut, _make_folder, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_keeps_the_last_secrets(file: Path, damage: Callable[[Path], None]) -> None:
    secrets = _from_file(file)
    damage(file)

    with capture_logs() as lines:
        secrets.reload()

    assert secrets() == (FIRST,)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["signing_secrets_kept"] * len(lines)
    assert _is_reported_invalid()
    assert FIRST[6:16] not in str(lines)
    assert SECOND[6:16] not in str(lines)


def test_a_repaired_file_is_loaded_and_reported(file: Path) -> None:
    secrets = _from_file(file)
    _add_a_comment(file)
    secrets.reload()
    file.write_text(FIRST)

    with capture_logs() as lines:
        secrets.reload()

    assert [line["event"] for line in lines] == ["signing_secrets_loaded"]
    assert not _is_reported_invalid()


def test_an_invalid_file_is_one_log_line_per_minute(file: Path) -> None:
    secrets = _from_file(file)
    file.write_text(f"{FIRST},{FIRST},'{FIRST}'")

    with capture_logs() as lines:
        for _ in range(5):
            secrets.reload()

    assert [(line["event"], line["count"]) for line in lines] == [("signing_secrets_kept", 1)]
    assert lines[0]["problem"] == (
        "STRIPE_WEBHOOK_SECRET_FILE: number 3 of 3 has quotation marks; "
        "write only signing secrets (whsec_…) into the file, one per line"
    )


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage is not _cut])
def test_a_damaged_file_is_an_error_at_startup(file: Path, damage: Callable[[Path], None]) -> None:
    damage(file)

    with pytest.raises(SettingsError, match=r"^STRIPE_WEBHOOK_SECRET_FILE: .*; write only signing secrets"):
        _from_file(file)


GOOD = [signing_secret(str(number)) for number in range(4)]
SEPARATORS = st.sampled_from([b"\n", b",", b"\r\n", b" , ", b"\n\n", b"\t\n "])
DAMAGED = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=40).map(str.encode),
    st.builds(lambda good, end: good[:end].encode(), st.sampled_from(GOOD), st.integers(0, 69)),
    st.builds(lambda good, codec: good.encode(codec), st.sampled_from(GOOD), st.sampled_from(["utf-16", "utf-8-sig"])),
    st.builds(
        lambda form, good: form.format(good).encode(),
        st.sampled_from(
            ['"{}"', "'{}'", "#{}", "# {}", "A={}", "a: {}", "<p>{}</p>", '{{"a": "{}"}}', "{0}{0}", "{}…"]
        ),
        st.sampled_from(GOOD),
    ),
)


@st.composite
def _contents(draw: st.DrawFn) -> bytes:
    """Good secrets and damaged entries, with separators between them."""
    entries = draw(st.lists(st.one_of(st.sampled_from(GOOD).map(str.encode), DAMAGED), max_size=5))
    parts = [part for entry in entries for part in (entry, draw(SEPARATORS))]
    return b"".join(parts)


def _written(content: bytes) -> list[str]:
    """Every entry that stands alone between separators."""
    return [entry.strip() for entry in content.decode(errors="replace").replace("\n", ",").split(",") if entry.strip()]


@given(changes=st.lists(st.tuples(_contents(), st.integers(0, 200)), max_size=4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_gives_its_secrets_or_the_last_good_ones(file: Path, changes: list[tuple[bytes, int]]) -> None:
    """A set is complete, or it is the one before, also if the file is read while it is written."""
    file.write_text(FIRST)
    secrets = _from_file(file)
    for content, written_bytes in changes:
        before, complete = secrets(), tuple(_written(content))
        for part in (content[:written_bytes], content, content):
            file.write_bytes(part)

            secrets.reload()

            assert secrets() in (before, complete)
        assert all(re.fullmatch("whsec_[A-Za-z0-9]{32,}", secret) for secret in secrets())
        if complete and set(complete) <= set(GOOD):
            assert secrets() == complete
