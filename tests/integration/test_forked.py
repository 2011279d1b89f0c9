"""Checks that a forked program behaves as the one that `python -m` starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import forked
from tests.support.command_line import without_progress
from tests.support.examples import examples
from tests.support.processes import Process
from tests.support.waiting import until

COMMANDS = {
    "help": ("--help",),
    "help of a command": ("replay", "--help"),
    "unknown option": ("show", "--no-such-option"),
    "result": ("init-table", "--print"),
    "wrong settings": ("webhook",),
    "input": ("replay", "-"),
    "no database": ("show", "payment_1"),
}
ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100", "PYTHONWARNINGS": "error", "TZ": "Asia/Singapore"}


@pytest.mark.parametrize("name", [*COMMANDS][:: examples(2, 1)])
def test_a_forked_command_ends_as_a_new_process_does(tmp_path: Path, free_port: Callable[[], int], name: str) -> None:
    command = [sys.executable, "-m", "lea_payments", *COMMANDS[name]]
    (tmp_path / ".env").write_text(f"DDB_ENDPOINT=http://127.0.0.1:{free_port()}\n")
    text = '{"object": "event"}\n'

    as_forked = forked.run(command, env=ENVIRONMENT, folder=tmp_path, text=text)

    assert forked.can_fork(command, ENVIRONMENT)
    expected = subprocess.run(
        command, env=ENVIRONMENT, cwd=tmp_path, input=text, capture_output=True, text=True, check=False
    )
    assert (as_forked.returncode, as_forked.stdout) == (expected.returncode, expected.stdout)
    assert without_progress(as_forked.stderr) == without_progress(expected.stderr)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_signal_ends_a_forked_service(start: Callable[..., Process], number: signal.Signals, status: int) -> None:
    process = start("pages").process
    assert isinstance(process, forked.ForkedProgram)

    process.send_signal(number)

    assert process.wait(60) == status
    assert process.poll() == status
    process.kill()  # harmless


@pytest.fixture
def server() -> Iterator[forked.ForkServer]:
    server = forked.ForkServer()
    yield server
    server.close()


@pytest.fixture
def start_at(tmp_path: Path, free_port: Callable[[], int]) -> Callable[[forked.ForkServer], forked.ForkedProgram]:
    """Return a function that starts a service at a fork server and waits until it is ready."""

    def start(server: forked.ForkServer) -> forked.ForkedProgram:
        port = str(free_port())
        path = tmp_path / port
        with path.open("w") as log:
            command = [sys.executable, "-m", "lea_payments", "pages"]
            program = server.start(command, {"PORT": port, "METRICS_PORT": "0"}, tmp_path, [log.fileno()] * 3)
        until(lambda: "service_started" in path.read_text())
        return program

    return start


def _has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_forked_services_end_with_their_connection(
    server: forked.ForkServer, start_at: Callable[[forked.ForkServer], forked.ForkedProgram]
) -> None:
    of_a_process, of_another = forked.ForkServer(server.name), forked.ForkServer(server.name)
    first, second, third = (start_at(connection) for connection in (server, of_a_process, of_another))

    of_a_process.close()
    assert second.wait(60) == 0
    assert [first.poll(), third.poll()] == [None, None]

    server.close()
    until(lambda: _has_ended(first.pid) and _has_ended(third.pid))
    of_another.close()


@pytest.mark.parametrize("variable", ["PYTHONHASHSEED", "PYTHONIOENCODING", "LC_ALL", "LANG", "TERM", "NO_COLOR"])
def test_what_counts_at_the_start_is_not_forked(variable: str) -> None:
    command = [sys.executable, "-m", "lea_payments", "pages"]

    assert forked.can_fork(command, {"PORT": "1"})
    assert not forked.can_fork(command, {variable: "1"})
