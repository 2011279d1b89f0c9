"""Checks whether the demo can start on this machine, with the standard library only: before anything is installed."""

import fcntl
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

DATA = Path(".data")
PORTS: Mapping[str, int] = {
    "checkout": 8084,
    "pages": 8085,
    "webhook": 8086,
    "reconciler": 8083,
    "notifier": 8079,
    "emulator": 8087,
    "dynamodb": 8000,
    "webhook_metrics": 9464,
    "pages_metrics": 9465,
    "checkout_metrics": 9466,
    "reconciler_metrics": 9467,
    "notifier_metrics": 9468,
}
"""The default port of everything that the demo starts."""

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?([^\"'\s#]*)", re.MULTILINE)


class MachineError(Exception):
    """The demo cannot start on this machine. Each line of the message says what to do."""


def variable(name: str) -> str:
    """The variable that changes a port."""
    return f"DEMO_{name.upper()}_PORT"


def check(root: Path, shell: Mapping[str, str]) -> None:
    """Raises MachineError if a demo runs in this folder, or a port cannot be used. Reads `.env` as the demo does."""
    with only_demo(root / DATA):
        pass
    dot_env = root / ".env"
    written = _ASSIGNMENT.findall(dot_env.read_text(errors="replace")) if dot_env.is_file() else ()
    given = [*written, *shell.items()]
    settings = {name: value.strip() for name, value in given if value.strip()}
    ports = {name: settings.get(variable(name), str(port)) for name, port in PORTS.items()}
    invalid = {name: port for name, port in ports.items() if not _is_port(port)}
    line = "{}={} is not a port: set it to a number from 1 to 65535"
    if lines := [line.format(variable(name), ascii(port)) for name, port in invalid.items()]:
        raise MachineError("\n".join(lines))
    numbers = {name: int(port) for name, port in ports.items()}
    check_ports(numbers, is_busy, sandbox=bool(settings.get("STRIPE_SECRET_KEY")))


def _is_port(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def check_ports(ports: Mapping[str, int], is_busy: Callable[[int], bool], *, sandbox: bool) -> None:
    """Raises MachineError with a line for each port that is in use or set twice.

    A Stripe sandbox replaces the emulator.
    """
    used = {name: port for name, port in ports.items() if not (sandbox and name == "emulator")}
    twice = [(one, other) for one, other in combinations(used, 2) if used[one] == used[other]]
    line = "{} and {} are both {}: set one of them to another port"
    if lines := [line.format(variable(one), variable(other), used[one]) for one, other in twice]:
        raise MachineError("\n".join(lines))
    line = "port {} is in use: stop the program that listens there, or set {} to another port"
    if lines := [line.format(port, variable(name)) for name, port in used.items() if is_busy(port)]:
        raise MachineError("\n".join(lines))


def is_busy(port: int) -> bool:
    """Whether a program on this machine listens on the port."""
    for host in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            continue
        return True
    return False


@contextmanager
def only_demo(data: Path) -> Iterator[None]:
    """Holds the lock of the folder's demo. Raises MachineError if another demo has it.

    The system frees the lock when its process ends, however it ends.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            problem = f"a demo already runs in this folder (process {pid})"
            raise MachineError(f"{problem}: use that one, or stop it with Ctrl-C in its terminal") from None
        except OSError:
            pass  # a file system without locks
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
