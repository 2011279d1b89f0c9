"""Runs the demo: starts every service, prints one line per event, and stops everything on Ctrl-C."""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from subprocess import PIPE, run
from threading import Thread
from typing import NoReturn

import httpx
import stamina.instrumentation
from rich.console import Console

from lea_demo import output
from lea_demo.child import ChildProcess
from lea_demo.client import EXAMPLE_ORDER, CallError, Client
from lea_demo.dynamodb_local import DynamoDBLocal, DynamoDBLocalError, fetch, is_busy
from lea_demo.services import Service, environment, services_of
from lea_demo.settings import DemoSettings, check_ports, check_stripe

FOLDER = Path(".data")
READY_SECONDS, POLL_SECONDS = 60.0, 0.2
LAST_LINES = 12
PYTHON = (sys.executable, "-m")
INIT_TABLE = (*PYTHON, "lea_payments", "init-table")


class DemoError(Exception):
    """The demo cannot go on. The message says why."""


def start(settings: DemoSettings, console: Console) -> int:
    """Runs the demo until Ctrl-C or SIGTERM. Returns the exit status, or raises SettingsError at first."""
    check_stripe(settings)
    check_ports(settings, is_busy)
    console.print(output.title(settings))
    stamina.instrumentation.set_on_retry_hooks([])  # downloads that fail are reported once, at the end
    try:
        fetch(progress=console.print)
        with ExitStack() as resources:
            Demo(settings, console, resources).run()
    except KeyboardInterrupt:
        console.print(f"Everything has stopped. The payments stay in {FOLDER / 'dynamodb'} for the next time.")
        return 0
    except (DemoError, DynamoDBLocalError, CallError) as error:
        console.print(f"✗ {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1


class Demo:
    """The running processes. `resources` stops them in the reverse order of their start."""

    def __init__(self, settings: DemoSettings, console: Console, resources: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._resources = resources
        self._ends: SimpleQueue[KeyboardInterrupt | DemoError] = SimpleQueue()
        self._dynamodb = DynamoDBLocal(settings.dynamodb_port, FOLDER / "dynamodb")

    def run(self) -> NoReturn:
        """Starts everything, creates an example payment, and waits for the end, which it raises."""
        started_at = time.monotonic()
        # As a queued value a signal cannot interrupt the start or the stop of a process.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ends.put(KeyboardInterrupt()))
        with self._console.status("Starting"):
            self._resources.callback(self._dynamodb.stop)
            services = services_of(self._settings, os.environ)
            for service in services:
                self._start(service)
            self._dynamodb.start()
            self._wait(0)
            self._create_table()
            self._wait(0)
            self._wait_until_ready(services)
            client = Client(self._settings.url("checkout"), self._settings.url("pages"), self._settings.api_tokens[0])
            payment, link = client.create({**EXAMPLE_ORDER, "payment_intent_id": f"payment_demo_{token_hex(4)}"})
        self._console.print(f"Ready after {time.monotonic() - started_at:.1f} s.", style="bold green", highlight=False)
        self._console.print(output.links(self._settings, payment, link), soft_wrap=True, highlight=False)
        self._resources.callback(self._console.print, "\nStopping …", style="dim")
        while True:
            self._wait(1.0)

    def _start(self, service: Service) -> None:
        child = ChildProcess([*PYTHON, *service.module], PIPE, service.env, FOLDER)
        self._resources.callback(child.stop)
        Thread(target=self._print_output, args=(service.name, child), daemon=True).start()

    def _print_output(self, service: str, child: ChildProcess) -> None:
        """In a thread per service: prints its events until it exits."""
        assert child.process.stdout is not None
        last = deque[str](maxlen=LAST_LINES)
        for written in child.process.stdout:
            last.append(written.decode(errors="replace").rstrip("\n"))
            if line := output.read_line(service, last[-1]):
                self._console.print(line.text(), soft_wrap=True)
        lines = "\n".join(f"  {line}" for line in last)
        status = child.process.wait()
        self._ends.put(DemoError(f"{service} exited (exit status {status}). Its last lines:\n{lines}"))

    def _create_table(self) -> None:
        env = environment(self._settings, os.environ)
        done = run(INIT_TABLE, capture_output=True, env=env, cwd=FOLDER, text=True, check=False, start_new_session=True)
        if done.returncode:
            raise DemoError(f"the table could not be created: {done.stderr.strip()}")

    def _wait_until_ready(self, services: Sequence[Service]) -> None:
        waiting, deadline = list(services), time.monotonic() + READY_SECONDS
        with httpx.Client(timeout=10, trust_env=False) as client:
            while waiting := [service for service in waiting if not _is_ready(client, service)]:
                self._wait(POLL_SECONDS)
                if time.monotonic() > deadline:
                    names = ", ".join(service.name for service in waiting)
                    raise DemoError(f"{names}: not ready within {READY_SECONDS:.0f} s")

    def _wait(self, seconds: float) -> None:
        """Waits. Raises KeyboardInterrupt on a signal, and an error if a process has exited."""
        self._dynamodb.raise_if_exited()
        try:
            raise self._ends.get(timeout=seconds)
        except Empty:
            return


def _is_ready(client: httpx.Client, service: Service) -> bool:
    try:
        return client.get(service.ready_url).is_success
    except httpx.TransportError:
        return False
