"""Changes the signing secrets while the webhook runs."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run
from typing import NamedTuple

import httpx
import pytest

from tests.support import stripe_bodies
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.secrets import signing_secret
from tests.support.stripe_bodies import sign
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery

CURRENT, PREVIOUS, UNKNOWN = (signing_secret(text) for text in ("current", "previous", "unknown"))
FIRST, A, B = (signing_secret(text) for text in ("first", "a", "b"))


class Webhook(NamedTuple):
    """A webhook with the URL of its metrics and its log."""

    client: httpx.Client
    metrics: str
    log: Path

    def accepts(self, *secrets: str) -> bool:
        """Whether it accepts a delivery that is signed with these secrets, one `v1` each."""
        body = stripe_bodies.event("customer.created", {"object": "customer"})
        now = time.time()
        signatures = [sign(body, secret, now).partition(",")[2] for secret in secrets]
        answer = Delivery(body, ",".join([f"t={int(now)}", *signatures])).to(self.client)
        assert answer[:2] in ((200, "ignored"), (400, "invalid_signature"))
        return answer.status == 200

    def accepts_eventually(self, secret: str) -> bool:
        """Waits until it accepts this secret."""
        return until(lambda: self.accepts(secret), "the secret to be accepted")

    def used(self, place: str) -> float:
        """The number of deliveries that the current or the previous secret signed."""
        return Scrape.of(self.metrics).value("payments_webhook_secret_used_total", secret=place) or 0


Start = Callable[..., Webhook]


@pytest.fixture(scope="module")
def start_webhook(start: Callable[..., Process], free_port: Callable[[], int]) -> Iterator[Start]:
    clients = []

    def start_one(**env: str) -> Webhook:
        port = free_port()
        service = start("webhook", METRICS_PORT=str(port), **env)
        client = httpx.Client(base_url=service.url, timeout=30, verify=NO_CERTIFICATES)
        clients.append(client)
        return Webhook(client, f"http://127.0.0.1:{port}", service.log)

    yield start_one
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def two_secrets(start_webhook: Start) -> Webhook:
    return start_webhook(STRIPE_WEBHOOK_SECRET=f"{CURRENT},{PREVIOUS}")


def test_the_previous_secret_is_accepted_and_counted(two_secrets: Webhook) -> None:
    before = two_secrets.used("current"), two_secrets.used("previous")

    assert two_secrets.accepts(PREVIOUS)
    assert two_secrets.accepts(CURRENT)
    assert two_secrets.accepts(PREVIOUS)
    assert not two_secrets.accepts(UNKNOWN)
    assert (two_secrets.used("current"), two_secrets.used("previous")) == (before[0] + 1, before[1] + 2)


@pytest.mark.parametrize(
    ("secrets", "place"),
    [
        ((UNKNOWN, CURRENT), "current"),
        ((CURRENT, UNKNOWN), "current"),
        ((UNKNOWN, PREVIOUS), "previous"),
        ((PREVIOUS, CURRENT), "current"),
    ],
)
def test_one_valid_signature_of_two_is_enough(two_secrets: Webhook, secrets: tuple[str, str], place: str) -> None:
    before = two_secrets.used(place)

    assert two_secrets.accepts(*secrets)
    assert two_secrets.used(place) == before + 1


def test_two_invalid_signatures_are_rejected(two_secrets: Webhook) -> None:
    assert not two_secrets.accepts(UNKNOWN, signing_secret("another"))


class SecretFile(NamedTuple):
    """A file with secrets and the webhook that reads it."""

    path: Path
    webhook: Webhook


@pytest.fixture(scope="module")
def secret_file(start_webhook: Start, tmp_path_factory: pytest.TempPathFactory) -> SecretFile:
    path = tmp_path_factory.mktemp("secret") / "STRIPE_WEBHOOK_SECRET"
    path.write_text(f"{FIRST}\n")
    return SecretFile(path, start_webhook(STRIPE_WEBHOOK_SECRET_FILE=str(path)))


def test_a_changed_file_is_read_without_a_restart(secret_file: SecretFile) -> None:
    path, webhook = secret_file
    path.write_text(f"{A}\n")
    assert webhook.accepts_eventually(A)
    previous = webhook.used("previous")

    path.write_text(f"{B}\n{A}\n")
    assert webhook.accepts_eventually(B)
    assert webhook.accepts(A)
    assert webhook.used("previous") == previous + 1
    path.write_text(f"{B}\n")
    assert until(lambda: not webhook.accepts(A), "the old secret to be rejected")
    assert webhook.accepts(B)


def _blank(path: Path) -> None:
    path.write_text(" \n,\n")


def _not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def _error_page(path: Path) -> None:
    path.write_text(f"<html><body>502 Bad Gateway</body></html>\n{UNKNOWN}\n")


def _comment(path: Path) -> None:
    path.write_text(f"# rotated today\n{UNKNOWN}\n{CURRENT}\n")


@pytest.mark.parametrize("damage", [_blank, _not_text, _error_page, _comment, Path.unlink])
def test_a_damaged_file_keeps_the_last_secrets(secret_file: SecretFile, damage: Callable[[Path], None]) -> None:
    path, webhook = secret_file
    before = signing_secret(f"before {damage.__name__}")
    path.write_text(before)
    assert webhook.accepts_eventually(before)
    problems = _problems(webhook)
    damage(path)

    while _problems(webhook) == problems:
        assert webhook.accepts(before)
        time.sleep(0.05)
    assert webhook.accepts(before)
    assert not [text for text in ("", "# rotated today", UNKNOWN) if webhook.accepts(text)]
    assert _is_reported_invalid(webhook)
    path.write_text(f"{before}\n")
    assert until(
        lambda: not _is_reported_invalid(webhook),
        "a valid file",
    )


def _is_reported_invalid(webhook: Webhook) -> bool:
    return Scrape.of(webhook.metrics).value("payments_secret_file_invalid", file="signing_secrets") == 1


def _problems(webhook: Webhook) -> int:
    return webhook.log.read_text().count("signing_secrets_kept")


def test_a_mounted_secret_can_be_replaced_by_kubernetes(start_webhook: Start, tmp_path: Path) -> None:
    numbers = itertools.count()

    def mount(secret: str) -> None:
        """Replaces the secret as the kubelet does. Name, size and time stay the same; only the file differs."""
        version = tmp_path / f"..2026_01_01_{next(numbers)}"
        version.mkdir()
        file = version / "secret"
        file.write_text(secret)
        os.utime(file, (1_767_225_600, 1_767_225_600))
        link = tmp_path / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(tmp_path / "..data")

    mount(signing_secret("1"))
    (tmp_path / "secret").symlink_to("..data/secret")
    webhook = start_webhook(STRIPE_WEBHOOK_SECRET_FILE=str(tmp_path / "secret"))
    assert webhook.accepts(signing_secret("1"))

    for secret in (signing_secret("2"), signing_secret("3")):
        mount(secret)
        assert webhook.accepts_eventually(secret)
    assert not webhook.accepts(signing_secret("1"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "it has no secret"),
        ("null", "it is a placeholder"),
        (f"{CURRENT}\n'{PREVIOUS}'", "number 2 of 2 has quotation marks"),
        (CURRENT[:20], "it is incomplete: it has fewer than 32 characters after whsec_"),
    ],
)
def test_a_bad_secret_file_stops_the_start_with_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    environment = {"PATH": os.environ["PATH"], "STRIPE_WEBHOOK_SECRET_FILE": str(file)}

    command = [sys.executable, "-m", "lea_payments", "webhook"]
    ended = run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.decode() == (
        f"✗ STRIPE_WEBHOOK_SECRET_FILE: {sentence}; write only signing secrets (whsec_…) into the file, one per line\n"
    )
