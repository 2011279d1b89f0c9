"""Runs as a process that has imported the services, and forks a child for each program that a test starts.

An import costs most of the time that a service or a command needs until it answers.
"""

import array
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
)
DESCRIPTORS = 4
"""Standard input, output and error, and the pipe for the exit status."""


class Request(NamedTuple):
    """What a child runs: `module` as `python -m` does."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str


def main() -> None:
    """Forks children until the other end closes the connection, then ends them."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in MODULES:
        importlib.import_module(module)
    _read_description_of_aws()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = _serve(control)
    if request is not None:
        _run(request)


def _read_description_of_aws() -> None:
    """Otherwise each child would read botocore's files."""
    table = importlib.import_module("lea_payments.settings").TableSettings
    settings = table.model_validate({"DDB_ENDPOINT": "http://127.0.0.1:9"})
    importlib.import_module("lea_payments.store.connection").client(settings).close()


def _serve(control: socket.socket) -> Request | None:
    """Returns None at the end, and in each child its request."""
    wakeup, woken = os.pipe()
    for end in (wakeup, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(statuses)
        if control.fileno() not in ready:
            continue
        message, descriptors = _receive(control)
        if not message:
            break
        if not (child := os.fork()):
            signal.set_wakeup_fd(-1)
            for descriptor in (control.detach(), wakeup, woken, *statuses.values()):
                os.close(descriptor)
            _redirect(descriptors)
            return Request(*json.loads(message))
        for descriptor in descriptors[:-1]:
            os.close(descriptor)
        statuses[child] = descriptors[-1]
        control.sendall(child.to_bytes(8))
    for child in statuses:
        os.kill(child, signal.SIGTERM)
    return None


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """A message, which is empty at the end of the connection, with the descriptors that came with it."""
    message, ancillary, _, _ = control.recvmsg(1024 * 1024, socket.CMSG_LEN(DESCRIPTORS * 4))
    descriptors = array.array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return message, list(descriptors)


def _report_ended(statuses: dict[int, int]) -> None:
    for child, descriptor in [*statuses.items()]:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            os.write(descriptor, os.waitstatus_to_exitcode(status).to_bytes(8, signed=True))
            os.close(descriptor)
            del statuses[child]


def _redirect(descriptors: list[int]) -> None:
    for target, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, target)
    for descriptor in descriptors:
        os.close(descriptor)


def _run(request: Request) -> None:
    """Becomes the process that `python -m` would have started."""
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
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def _stream(descriptor: int, errors: str, *, unbuffered: bool) -> TextIO:
    stream = open(descriptor, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - stays open
    stream.reconfigure(write_through=unbuffered)
    return stream


if __name__ == "__main__":
    main()
