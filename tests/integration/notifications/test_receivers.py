"""Runs the receivers of the guide, and sends them good, old, repeated, forged and replayed notifications."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.docs.documents import ROOT, blocks
from tests.integration.notifications.conftest import PACKAGES
from tests.support.notifications import Notification, notification, notify_secret
from tests.support.waiting import until

EXAMPLES = {block.language: block.text for block in blocks(ROOT / "docs" / "guide.md") if "NOTIFY_SECRET" in block.text}
CURRENT, PREVIOUS, OTHER = (notify_secret(name) for name in ("current", "previous", "other"))
"""The receivers know only the current secret."""


class Receiver:
    """A running example of the guide."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self._process, self._log = process, log
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        until(lambda: self._client.get("/").status_code, f"the receiver: {log}")

    def send(self, received: Notification) -> int:
        """Sends a notification and returns the status of the answer."""
        headers = {**received.headers}
        return self._client.post("/", content=received.body.encode(), headers=headers).status_code

    def states(self, payment_id: str) -> list[str]:
        """The states of a payment that the receiver has acted on."""
        lines = self._log.read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{payment_id} ")]

    def close(self) -> None:
        """Stops it."""
        self._client.close()
        self._process.kill()
        self._process.wait()


def command(language: str, folder: Path, request: pytest.FixtureRequest) -> list[str]:
    """Writes the example of a language into a folder and returns the command that runs it."""
    if language == "python":
        (folder / "receiver.py").write_text(EXAMPLES["python"])
        return [sys.executable, "receiver.py"]
    packages: Path = request.getfixturevalue("node_packages")
    (folder / "node_modules").symlink_to(packages / "node_modules")
    shutil.copy(PACKAGES / "package.json", folder)
    (folder / "receiver.js").write_text(EXAMPLES["js"])
    return [shutil.which("node") or "node", "receiver.js"]


@pytest.fixture(scope="module", params=["python", "js"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Receiver]:
    folder, port = tmp_path_factory.mktemp("receiver"), free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "receiver.log"
    variables = {"PORT": str(port), "NOTIFY_SECRET": CURRENT, "DATABASE": str(folder / "payments.db")}
    environment = {"PATH": os.environ["PATH"], **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(request.param, folder, request), cwd=folder, env=environment, stdout=output, stderr=output
        )
    running = Receiver(process, url, log)
    yield running
    running.close()


def test_only_a_newer_version_counts(receiver: Receiver) -> None:
    versions = [(2, "failed"), (2, "failed"), (1, "pending"), (4, "completed"), (3, "expired"), (4, "completed")]

    answers = [receiver.send(notification("payment_1", number, CURRENT, status=status)) for number, status in versions]

    assert answers == [204] * len(versions)
    assert until(lambda: receiver.states("payment_1")[1:]) == ["completed 4"]
    assert receiver.states("payment_1") == ["failed 2", "completed 4"]


def test_versions_of_two_payments_are_independent(receiver: Receiver) -> None:
    receiver.send(notification("payment_a", 7, CURRENT))
    receiver.send(notification("payment_b", 1, CURRENT, status="pending"))

    assert until(lambda: receiver.states("payment_b")) == ["pending 1"]


def test_notifications_at_the_same_time_count_once(receiver: Receiver) -> None:
    same = [notification("payment_2", version, CURRENT) for version in (1, 2, 3) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(receiver.send, same))

    assert answers == [204] * len(same)
    until(lambda: "completed 3" in receiver.states("payment_2"))
    versions = [int(state.partition(" ")[2]) for state in receiver.states("payment_2")]
    assert sorted(set(versions)) == sorted(versions)


def test_a_rotation_with_two_signatures_is_accepted(receiver: Receiver) -> None:
    both = notification("payment_3", 1, PREVIOUS, CURRENT), notification("payment_3", 2, CURRENT, PREVIOUS)

    assert [receiver.send(one) for one in both] == [204, 204]


@pytest.mark.parametrize(
    "received",
    [
        notification("payment_4", 1, OTHER),
        notification("payment_4", 1, CURRENT, status="failed")._replace(body='{"data": {"payment_intent_id": "x"}}'),
        notification("payment_4", 1, CURRENT).without("webhook-signature"),
        notification("payment_4", 1, CURRENT, age=timedelta(minutes=6)),
        notification("payment_4", 1, CURRENT, age=-timedelta(minutes=6)),
    ],
    ids=["other secret", "other body", "unsigned", "replayed", "from the future"],
)
def test_a_forged_or_replayed_notification_is_refused(receiver: Receiver, received: Notification) -> None:
    assert receiver.send(received) == 400

    assert receiver.states("payment_4") == []
