"""Runs as a process that has imported the services, and forks a child for each program that a test starts.

An import costs most of the time that a service or a command needs until it answers.
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple, TextIO

MODULES = (
    *("lea_payments.webhook.app", "lea_payments.pages.app", "lea_payments.checkout.app"),
    *(
        "lea_payments.reconciler.app",
        "lea_payments.notifier.app",
        "lea_payments.serving.server",
        "lea_payments.telemetry.setup",
    ),
    *(
        f"lea_payments.commands.{command}"
        for command in ("check", "init_table", "notify", "progress", "release.steps", "replay", "show")
    ),
    *("lea_payments.mcp.app", "lea_payments.mcp.checkout", "mcp.server.stdio"),
    *("lea_demo.agent.conversation", "lea_demo.agent.desktop", "lea_demo.client", "lea_demo.flow"),
    *("stripe_emulator.app", "stripe_emulator.api.hang_up", "uvicorn", "uvicorn.protocols.http.httptools_impl"),
    *("pydantic.v1", "typer.rich_utils"),  # which FastAPI and typer import when they need them
)
DESCRIPTORS = 4
"""Standard input, output and error, and the pipe for the exit status."""


class Request(NamedTuple):
    """What a child runs: `module` as `python -m` does."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str


class Exit:
    """The end of a child that has run its program."""

    def __init__(self) -> None:
        self.status: int | None = None

    def leave(self) -> None:
        """Ends the process with its status, without freeing what it has imported, which takes as long as a command.

        If there is no status, or what it has written cannot be written, the interpreter ends it as usual.
        """
        if self.status is not None:
            with suppress(OSError, ValueError):  # the reader has ended, or the program has closed the stream
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(self.status)


class Child(NamedTuple):
    """A running child: the connection that has asked for it, and the pipe for its exit status."""

    owner: socket.socket
    status: int


def main() -> None:
    """Forks children for every connection. Ends a connection's children with it, and itself with the first one."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    end = Exit()
    atexit.register(end.leave)  # before the imports, so that it runs after what they register
    for module in MODULES:
        importlib.import_module(module)
    _read_description_of_aws()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = _serve(listener)
    if request is not None:
        end.status = _run(request)


def _read_description_of_aws() -> None:
    """Otherwise each child would read botocore's files."""
    table = importlib.import_module("lea_payments.settings").TableSettings
    settings = table.model_validate({"DDB_ENDPOINT": "http://127.0.0.1:9"})
    importlib.import_module("lea_payments.store.connection").client(settings).close()


def _serve(listener: socket.socket) -> Request | None:
    """Returns None at the end, and in each child its request."""
    wakeup, woken = os.pipe()
    for end in (wakeup, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    first, _ = listener.accept()
    connections, children = [first], dict[int, Child]()
    while first in connections:
        sources: list[int | socket.socket] = [listener, wakeup, *connections]
        ready, _, _ = select.select(sources, [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(children)
        if listener in ready:
            connections.append(listener.accept()[0])
        for connection in [each for each in connections if each in ready]:
            message, descriptors = _receive(connection)
            if not message:
                connections.remove(connection)
                _end(pid for pid, child in children.items() if child.owner is connection)
                connection.close()
                continue
            if not (pid := os.fork()):
                signal.set_wakeup_fd(-1)
                sockets = [each.detach() for each in (listener, *connections)]
                for descriptor in (wakeup, woken, *sockets, *(child.status for child in children.values())):
                    os.close(descriptor)
                _redirect(descriptors)
                return Request(*json.loads(message))
            for descriptor in descriptors[:-1]:
                os.close(descriptor)
            children[pid] = Child(connection, descriptors[-1])
            with suppress(OSError):  # who asked for it has ended, which the next turn notices
                connection.sendall(pid.to_bytes(8))
    _end(children)
    return None


def _end(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGTERM)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """A message, which is empty at the end of the connection, with the descriptors that came with it."""
    try:
        message, ancillary, _, _ = connection.recvmsg(1024 * 1024, socket.CMSG_LEN(DESCRIPTORS * 4))
    except ConnectionError:
        return b"", []
    descriptors = array.array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return message, list(descriptors)


def _report_ended(children: dict[int, Child]) -> None:
    for pid, child in [*children.items()]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with suppress(OSError):  # who asked for it has ended
                os.write(child.status, os.waitstatus_to_exitcode(status).to_bytes(8, signed=True))
            os.close(child.status)
            del children[pid]


def _redirect(descriptors: list[int]) -> None:
    for target, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, target)
    for descriptor in descriptors:
        os.close(descriptor)


def _run(request: Request) -> int:
    """Becomes the process that `python -m` would have started. Returns its exit status if that is a number."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    if action := request.environment.get("PYTHONWARNINGS"):
        warnings.simplefilter(action)  # type: ignore[arg-type]  # it is the name of an action
    unbuffered = "PYTHONUNBUFFERED" in request.environment
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stdout, sys.stderr = (
        _stream(1, "strict", unbuffered=unbuffered),
        _stream(2, "backslashreplace", unbuffered=True),
    )
    sys.argv = [request.module, *request.arguments]
    try:
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        if not isinstance(leaving.code, int | None):  # a text, which the interpreter prints
            raise
        return leaving.code or 0
    return 0


def _stream(descriptor: int, errors: str, *, unbuffered: bool) -> TextIO:
    stream = open(descriptor, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - stays open
    stream.reconfigure(write_through=unbuffered)
    return stream


if __name__ == "__main__":
    main()
