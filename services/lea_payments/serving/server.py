"""Runs one HTTP service from its start to its shutdown."""

import errno
import gc
import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from lea_payments import __version__
from lea_payments.log import log
from lea_payments.serving.one_packet import OnePacket
from lea_payments.settings import Settings, SettingsError
from lea_payments.telemetry import setup as observability

DRAIN_SECONDS = 20


def listen(settings: Settings, port: int) -> socket.socket:
    """The part's socket; raises SettingsError with what to do when the port is taken or not allowed."""
    try:
        return socket.create_server((settings.host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is in use: stop what runs there (`ss -ltnp` names it) or set PORT to another"
            ) from None
        raise SettingsError(f"cannot listen on {settings.host}:{port}: {error}; change HOST or PORT") from None


def serve(app: ASGIApp, settings: Settings, port: int, part: str, **summary: object) -> None:
    """Runs the part until SIGTERM or Ctrl-C, then lets the requests under way finish, at most 20 s.

    What it runs with is told first, the `summary` included, which holds nothing secret.
    """
    listener = listen(settings, port)
    try:
        observability.start(settings, part)
    except OSError as error:
        raise SettingsError(
            f"METRICS_PORT {settings.metrics_port}: {error.strerror}; set it to a free port, or to 0 for none"
        ) from None
    # uvicorn, once it has ended, sends itself the signal again: an orderly end is exit status 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    told = {"host": settings.host, "port": port, "metrics_port": settings.metrics_port, **settings.summary(), **summary}
    log.info("listening", part=part, version=__version__, **told)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=OnePacket,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    # What is there now stays: the collector need not look at it again and again while events come and go.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    uvicorn.Server(config).run(sockets=[listener])
