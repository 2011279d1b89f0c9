"""Starts programs as processes, waits until they are ready, and stops them."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from lea_payments.text.line_output import WRITE_SECONDS
from tests.support import forked
from tests.support.forked import Program
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.waiting import until

START_SECONDS = 60
STOP_SECONDS = 25


class Process(NamedTuple):
    """A running program. `log` is the file with its output."""

    url: str
    process: Program
    log: Path

    def output(self) -> str:
        """What it has written, with the lines about every answer so far."""
        self.wait_for_lines()
        return self.log.read_text(errors="replace")

    def wait_for_lines(self) -> None:
        """Waits until it has written its lines. It creates one after the answer, and writes those of a burst later."""
        with (
            suppress(httpx.HTTPError),  # it has ended, so it has written everything
            httpx.Client(base_url=self.url, timeout=5, trust_env=False, verify=NO_CERTIFICATES) as client,
        ):
            client.get("/livez")  # every line exists
            time.sleep(WRITE_SECONDS)
            client.get("/livez")  # its time to be written has come, at the latest with the next iteration of the loop
            client.get("/livez")

    def stop(self) -> int:
        """Stops it as Kubernetes does and returns its exit status. Harmless if it has already ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def start_process(
    command: Sequence[str],
    *,
    url: str,
    ready_at: str,
    log: Path,
    output: Path | None = None,
    folder: Path,
    env: Mapping[str, str] | None = None,
    fork: bool = False,
) -> Process:
    """Starts a program and returns once `ready_at` answers 2xx; raises AssertionError with its output if it ends.

    Its standard output goes to `output`, or also into the log. `fork` starts our own programs faster; see
    `tests.support.forked`.
    """
    with (
        log.open("ab") as errors,
        (output or log).open("ab", buffering=0) as lines,
        Path(os.devnull).open("rb") as nothing,
    ):
        streams = (nothing.fileno(), lines.fileno(), errors.fileno())
        process = (forked.start if fork else forked.start_new)(command, env, folder, streams)
    started = Process(url, process, log)
    try:
        with httpx.Client(base_url=url, timeout=5, trust_env=False, verify=NO_CERTIFICATES) as client:
            until(lambda: _has_ended(process) or _answers(client, ready_at), f"{url}{ready_at}", START_SECONDS, 0.02)
    except AssertionError as problem:
        started.stop()
        raise AssertionError(f"{' '.join(command)} did not start: {problem}\n{log.read_text()}") from None
    if _has_ended(process):
        raise AssertionError(f"{' '.join(command)} ended with {process.poll()}\n{log.read_text()}")
    return started


def _has_ended(process: Program) -> bool:
    return process.poll() is not None


def _answers(client: httpx.Client, path: str) -> bool:
    answer = client.get(path)
    assert answer.is_success, f"it answered {answer.status_code}"
    return True
