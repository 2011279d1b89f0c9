"""Our own commands as real processes: started on a free port, waited for, stopped by their id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import httpx

START_SECONDS = 20
STOP_SECONDS = 25

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "stripe-emulator": ("-m", "stripe_emulator"),
    **{part: ("-m", "lea_payments", part) for part in ("webhook", "pages", "checkout", "reconciler")},
}
READY_AT = {"stripe-emulator": "/health"}


class Part(NamedTuple):
    """One running command; `log` is the file that takes what it prints."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> int:
        """Ends it as Kubernetes does and gives its exit status; harmless when it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Parts:
    """Starts parts in a folder of their own, away from the developer's `.env` and variables; stops all at the end."""

    def __init__(self, folder: Path, free_port: Callable[[], int], defaults: Mapping[str, str]) -> None:
        self._folder = folder
        self._free_port = free_port
        self._defaults = defaults
        self._started: list[Part] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in reversed(self._started):
            part.stop()

    def start(self, name: str, *, ready_at: str | None = None, **env: str) -> Part:
        """The part, once `ready_at` (default: its readiness) answers 200; `env` goes over the defaults."""
        port = env.get("PORT") or str(self._free_port())
        log = self._folder / f"{name}-{port}.log"
        environment = {
            **{variable: os.environ[variable] for variable in ("PATH", "HOME", "TZ") if variable in os.environ},
            "HOST": "127.0.0.1",
            "METRICS_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
            **self._defaults,
            **env,
            "PORT": port,
        }
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *COMMANDS[name]],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        part = Part(f"http://127.0.0.1:{port}", process, log)
        self._started.append(part)
        _wait(name, part, ready_at or READY_AT.get(name, "/readyz"))
        return part


def _wait(name: str, part: Part, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    seen = "no answer"
    with httpx.Client(base_url=part.url, timeout=5, verify=False) as client:  # noqa: S501 - plain HTTP, to ourselves
        while time.monotonic() < deadline and part.process.poll() is None:
            try:
                answer = client.get(path)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.is_success:
                return
            seen = f"{path} answered {answer.status_code}"
            time.sleep(0.1)
    ended = f"ended with {part.process.returncode}" if part.process.poll() is not None else seen
    raise AssertionError(f"{name} did not start: {ended}\n{part.log.read_text()}")
