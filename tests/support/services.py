"""Starts services and the emulator as processes on free ports."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import Process, start_process

SERVICES = ("webhook", "pages", "checkout", "reconciler", "notifier")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "stripe-emulator": ("-m", "stripe_emulator"),
    **{service: ("-m", "lea_payments", service) for service in SERVICES},
    "mcp": ("-m", "lea_payments", "mcp", "--http"),
}
OF_OPTIONAL_SERVICES = {
    "NOTIFY_URL": "https://crm.example/",
    "NOTIFY_SECRET": "whsec_" + "a" * 43 + "=",
    "MCP_CHECKOUT_URL": "http://127.0.0.1:9",
    "MCP_TOKEN": "token-of-an-agent",
    "MCP_STATE_SECRET": "s" * 40,
    "MCP_MAX_AMOUNT": "SGD=500000",
    "MCP_HOURLY_AMOUNT": "SGD=5000000",
}
"""Variables with which the notifier and the agent's tools start, although nothing answers them."""

READY_AT = {"stripe-emulator": "/health"}


class Services:
    """Starts services without the developer's `.env` and environment variables; stops all at the end of the block.

    `fork` starts them faster; see `tests.support.forked`.
    """

    def __init__(
        self, folder: Path, free_port: Callable[[], int], defaults: Mapping[str, str], *, fork: bool = False
    ) -> None:
        self._folder = folder
        self._free_port = free_port
        self._defaults = defaults
        self._fork = fork
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in reversed(self._started):
            service.stop()

    def start(self, name: str, *, ready_at: str | None = None, output: str = "", **env: str) -> Process:
        """Starts a service and returns when `ready_at` (default: its readiness route) answers 2xx.

        `output` is a redirection of the shell, such as `>&-`. One to a path, such as `>/dev/full`, needs no shell.
        """
        port = env.get("PORT") or str(self._free_port())
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
        command = [sys.executable, *COMMANDS[name]]
        path = Path(output.removeprefix(">")) if output.startswith(">/") else None
        service = start_process(
            ["sh", "-c", f'exec "$@" {output}', "sh", *command] if output and not path else command,
            url=f"http://{'[::1]' if '::1' in environment['HOST'] else '127.0.0.1'}:{port}",
            ready_at=ready_at or READY_AT.get(name, "/readyz"),
            log=self._folder / f"{name}-{port}.log",
            output=path,
            folder=self._folder,
            env=environment,
            fork=self._fork,
        )
        self._started.append(service)
        return service
