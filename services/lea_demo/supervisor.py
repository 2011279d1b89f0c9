"""Runs the demo: starts the services, prints one line per event, and stops everything on Ctrl-C."""

import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from secrets import token_hex
from subprocess import PIPE, run
from threading import Thread
from typing import NoReturn

import stamina

from lea_demo import output
from lea_demo.child import ChildProcess
from lea_demo.client import CallError, Client
from lea_demo.dynamodb_local import DynamoDBLocal, DynamoDBLocalError, fetch
from lea_demo.machine import DATA, MachineError, check_ports, is_busy, only_demo
from lea_demo.receiver import Receiver
from lea_demo.settings import DemoSettings, check_stripe, environments, ports
from lea_payments.commands.console.terminal import Terminal
from lea_payments.telemetry.tracing.variables import take_variables

POLL_SECONDS, LAST_LINES = 0.2, 12
TABLE_SECONDS = 60
"""The first call of a database that has just started takes more than a second on a busy machine."""
PYTHON = (sys.executable, "-m")
NEED_THE_TABLE = ("reconciler", "notifier")
"""The services that read the table as soon as they start; the reconciler also calls Stripe."""


class DemoError(Exception):
    """The demo cannot go on. The message says why."""


def start(settings: DemoSettings, console: Terminal) -> int:
    """Runs the demo until Ctrl-C or SIGTERM. Returns the exit status, or raises SettingsError for an unusable key."""
    check_stripe(settings)
    stamina.instrumentation.set_on_retry_hooks(())  # the error after the last attempt says it all
    try:
        with only_demo(DATA), ExitStack() as resources:
            check_ports(ports(settings), is_busy, sandbox=bool(settings.stripe_secret_key))
            stripe = "your Stripe sandbox" if settings.stripe_secret_key else "a Stripe emulator: no account, no money"
            console.print(f"LEA Payments starts here, with {stripe}.")
            fetch()
            Demo(settings, console, resources).run()
    except KeyboardInterrupt:
        console.print(f"Everything has stopped. The payments stay in {DATA / 'dynamodb'} for the next time.")
        return 0
    except MachineError as error:
        console.print_lines((f"✗ {line}" for line in str(error).split("\n")), "red")
    except (DemoError, DynamoDBLocalError, CallError) as error:
        console.print_lines(f"✗ {error}".split("\n"), "red")
    except OSError as error:
        problem = f"cannot write {error.filename or 'a file'} ({error.strerror})"
        console.print_lines([f"✗ {problem}: make this folder writable, or make room"], "red")
    return 1


class Demo:
    """The running processes. `resources` stops them in the reverse order of their start."""

    def __init__(self, settings: DemoSettings, console: Terminal, resources: ExitStack) -> None:
        self._settings = settings
        self._console = console
        self._resources = resources
        self._ends: SimpleQueue[KeyboardInterrupt | DemoError] = SimpleQueue()
        self._example = f"payment_demo_{token_hex(4)}"
        self._dynamodb = DynamoDBLocal(settings.dynamodb_port, DATA / "dynamodb")

    def run(self) -> NoReturn:
        """Starts everything, creates an example payment, and waits for the end, which it raises."""
        # As a queued value a signal cannot interrupt the start or the stop of a process.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ends.put(KeyboardInterrupt()))
        self._resources.callback(self._dynamodb.stop)
        receiver = self._resources.enter_context(Receiver())
        services = environments(self._settings, {**os.environ, **take_variables()}, receiver.endpoint)
        others = [name for name in services if name not in NEED_THE_TABLE]
        for name in others:
            self._start(name, services[name])
        self._dynamodb.start()
        self._create_table(services["pages"])
        self._wait_for(others)
        for name in NEED_THE_TABLE:
            self._start(name, services[name])
        self._wait_for(NEED_THE_TABLE)
        client = Client(self._settings.url("checkout"), self._settings.url("pages"), self._settings.api_tokens[0])
        link = client.create(self._example)
        self._console.print_lines(output.start_text(self._settings, self._example, link))
        while True:
            self._wait(1.0)

    def _wait_for(self, services: Sequence[str]) -> None:
        for name in services:
            while not is_busy(self._settings.port(name)):
                self._wait(POLL_SECONDS)

    def _start(self, service: str, env: Mapping[str, str]) -> None:
        module = ["stripe_emulator"] if service == "emulator" else ["lea_payments", service]
        child = ChildProcess([*PYTHON, *module], PIPE, env=env, cwd=DATA)
        self._resources.callback(child.stop)
        Thread(target=self._print_events, args=(service, child), daemon=True).start()

    def _print_events(self, service: str, child: ChildProcess) -> None:
        """In a thread per service: prints its events until it exits."""
        assert child.process.stdout is not None
        last = deque[str](maxlen=LAST_LINES)
        for written in child.process.stdout:
            last.append(written.decode(errors="replace").rstrip("\n"))
            if line := output.event_line(service, last[-1], self._example):
                self._console.print_lines(line.split("\n"))
        problem = f"{service} exited (exit status {child.process.wait()}). Its last lines:"
        self._ends.put(DemoError("\n  ".join([problem, *last])))

    def _create_table(self, env: Mapping[str, str]) -> None:
        command = [*PYTHON, "lea_payments", "init-table", f"--wait={TABLE_SECONDS}"]
        done = run(command, capture_output=True, env=env, cwd=DATA, check=False, start_new_session=True)
        if done.returncode:
            problem = done.stderr.decode(errors="replace").strip()
            raise DemoError(f"the table in {DATA / 'dynamodb'} could not be created: {problem}")

    def _wait(self, seconds: float) -> None:
        """Waits. Raises KeyboardInterrupt on a signal, and an error if a process has exited."""
        self._dynamodb.raise_if_exited()
        try:
            raise self._ends.get(timeout=seconds)
        except Empty:
            return
