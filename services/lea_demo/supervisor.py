"""Runs the demo: starts every service, prints one line per event, and stops everything on Ctrl-C."""

import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from subprocess import PIPE, run
from threading import Thread
from typing import NoReturn

from lea_demo import output
from lea_demo.child import ChildProcess
from lea_demo.client import CallError, Client
from lea_demo.dynamodb_local import DynamoDBLocal, DynamoDBLocalError, fetch
from lea_demo.machine import is_busy
from lea_demo.settings import DemoSettings, check_ports, check_stripe, environments
from lea_payments.commands.console import Terminal

FOLDER = Path(".data")
POLL_SECONDS, LAST_LINES = 0.2, 12
PYTHON = (sys.executable, "-m")


class DemoError(Exception):
    """The demo cannot go on. The message says why."""


def start(settings: DemoSettings, console: Terminal) -> int:
    """Runs the demo until Ctrl-C or SIGTERM. Returns the exit status, or raises SettingsError at first."""
    check_stripe(settings)
    check_ports(settings, is_busy)
    stripe = "your Stripe sandbox" if settings.stripe_secret_key else "a Stripe emulator: no account, no money"
    console.print(f"LEA Payments starts on this machine, with {stripe}.")
    try:
        fetch()
        with ExitStack() as resources:
            Demo(settings, console, resources).run()
    except KeyboardInterrupt:
        console.print(f"Everything has stopped. The payments stay in {FOLDER / 'dynamodb'} for the next time.")
        return 0
    except (DemoError, DynamoDBLocalError, CallError) as error:
        console.print_lines(f"✗ {error}".split("\n"), "red")
        return 1


class Demo:
    """The running processes. `resources` stops them in the reverse order of their start."""

    def __init__(self, settings: DemoSettings, console: Terminal, resources: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._resources = resources
        self._ends: SimpleQueue[KeyboardInterrupt | DemoError] = SimpleQueue()
        self._dynamodb = DynamoDBLocal(settings.dynamodb_port, FOLDER / "dynamodb")

    def run(self) -> NoReturn:
        """Starts everything, creates an example payment, and waits for the end, which it raises."""
        # As a queued value a signal cannot interrupt the start or the stop of a process.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ends.put(KeyboardInterrupt()))
        self._resources.callback(self._dynamodb.stop)
        services = environments(self._settings, os.environ)
        for name, env in services.items():
            self._start(name, env)
        self._dynamodb.start()
        self._create_table(services["pages"])
        for name in services:
            while not is_busy(self._settings.port(name)):
                self._wait(POLL_SECONDS)
        client = Client(self._settings.url("checkout"), self._settings.url("pages"), self._settings.api_tokens[0])
        payment_id = f"payment_demo_{token_hex(4)}"
        self._console.print_lines(output.links(self._settings, payment_id, client.create(payment_id)).split("\n"))
        while True:
            self._wait(1.0)

    def _start(self, service: str, env: Mapping[str, str]) -> None:
        module = ["stripe_emulator"] if service == "emulator" else ["lea_payments", service]
        child = ChildProcess([*PYTHON, *module], PIPE, env=env, cwd=FOLDER)
        self._resources.callback(child.stop)
        Thread(target=self._print_events, args=(service, child), daemon=True).start()

    def _print_events(self, service: str, child: ChildProcess) -> None:
        """In a thread per service: prints its events until it exits."""
        assert child.process.stdout is not None
        last = deque[str](maxlen=LAST_LINES)
        for written in child.process.stdout:
            last.append(written.decode(errors="replace").rstrip("\n"))
            if line := output.event_line(service, last[-1]):
                self._console.print_lines(line.split("\n"))
        problem = f"{service} exited (exit status {child.process.wait()}). Its last lines:"
        self._ends.put(DemoError("\n  ".join([problem, *last])))

    def _create_table(self, env: Mapping[str, str]) -> None:
        command = [*PYTHON, "lea_payments", "init-table"]
        done = run(command, capture_output=True, env=env, cwd=FOLDER, text=True, check=False, start_new_session=True)
        if done.returncode:
            raise DemoError(f"the table in {FOLDER / 'dynamodb'} could not be created: {done.stderr.strip()}")

    def _wait(self, seconds: float) -> None:
        """Waits. Raises KeyboardInterrupt on a signal, and an error if a process has exited."""
        self._dynamodb.raise_if_exited()
        try:
            raise self._ends.get(timeout=seconds)
        except Empty:
            return
