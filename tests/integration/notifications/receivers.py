"""Runs the receivers of notifications that the guide shows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from tests.docs.documents import ROOT, blocks
from tests.support.notifications import Notification, notify_secret
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.waiting import until

PACKAGES = Path(__file__).parent / "packages"
EXAMPLES = {block.language: block.text for block in blocks(ROOT / "docs" / "guide.md") if "NOTIFY_SECRET" in block.text}
CURRENT, PREVIOUS, OTHER = (notify_secret(name) for name in ("current", "previous", "other"))
"""The receivers know only the current secret."""


class Receiver:
    """A running example of the guide."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.url, self._process, self._log = url, process, log
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_CERTIFICATES)
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


def start(language: str, folder: Path, port: int, packages: Path | None) -> Receiver:
    """Starts the example of a language in a folder; `packages` has the official package for Node."""
    url, log = f"http://127.0.0.1:{port}", folder / "receiver.log"
    variables = {"PORT": str(port), "NOTIFY_SECRET": CURRENT, "DATABASE": str(folder / "payments.db")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(language, folder, packages),
            cwd=folder,
            env={"PATH": os.environ["PATH"], **variables},
            stdout=output,
            stderr=output,
        )
    return Receiver(process, url, log)


def _command(language: str, folder: Path, packages: Path | None) -> list[str]:
    """Writes the example of a language into a folder and returns the command that runs it."""
    if language == "python":
        (folder / "receiver.py").write_text(EXAMPLES["python"])
        return [sys.executable, "receiver.py"]
    assert packages is not None
    (folder / "node_modules").symlink_to(packages / "node_modules")
    shutil.copy(PACKAGES / "package.json", folder)
    (folder / "receiver.js").write_text(EXAMPLES["js"])
    return [shutil.which("node") or "node", "receiver.js"]
