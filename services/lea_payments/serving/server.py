"""Runs one HTTP service from startup to shutdown."""

import errno
import gc
import signal
import socket
import sys
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from lea_payments import listening
from lea_payments.listening import url_host
from lea_payments.serving.draining import DrainingServer, UnreadyInDrain
from lea_payments.serving.http.connections import Connections, raise_file_limit
from lea_payments.serving.http.direct import DirectRoute
from lea_payments.serving.http.protocol import LimitedProtocol
from lea_payments.settings import Settings, SettingsError
from lea_payments.telemetry import events
from lea_payments.telemetry import setup as telemetry

SHUTDOWN_SECONDS = 20
"""The time for open requests after the drain."""


def listen(settings: Settings, port: int) -> list[socket.socket]:
    """The sockets of a service; raises SettingsError if the port is in use or not allowed."""
    try:
        return listening.listen(settings.host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is in use: stop the program there (`ss -ltnp` names it) or set PORT to another port"
            ) from None
        address = f"{url_host(settings.host)}:{port}"
        raise SettingsError(f"cannot listen on {address}: {error}; change HOST or PORT") from None


def serve(
    app: ASGIApp, settings: Settings, port: int, service: str, direct: DirectRoute | None = None, **summary: object
) -> None:
    """Runs a service until SIGTERM or Ctrl-C, then drains it and finishes its open requests for at most 20 s.

    The requests of `direct` are given to it; the app gets all others.
    `summary` is added to the log line `service_started` and must not contain secrets.
    """
    listeners = listen(settings, port)
    try:
        tracing = telemetry.start(settings, service)
    except OSError as error:
        raise SettingsError(
            f"METRICS_PORT {settings.metrics_port}: {error.strerror}; set it to a free port, or to 0 for none"
        ) from None
    # After its shutdown uvicorn sends itself the signal again; an orderly shutdown must have exit status 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    addresses = {"host": settings.host, "port": listeners[0].getsockname()[1], "metrics_port": settings.metrics_port}
    events.service_started(service, **addresses, tracing=tracing.is_on, **settings.summary(), **summary)
    connections = Connections(raise_file_limit(settings.connection_limit))
    protocol: Any = partial(LimitedProtocol, limits=connections, direct=direct)
    config = uvicorn.Config(
        UnreadyInDrain(app, connections),
        loop="uvloop",
        http=protocol,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=settings.keep_alive_seconds,
    )
    # Everything loaded so far stays in memory: exclude it from all later garbage collections.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    DrainingServer(config, connections, settings.drain_seconds).run(sockets=listeners)
