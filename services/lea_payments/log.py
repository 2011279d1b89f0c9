"""Configures the log: one JSON line per event, written to standard output."""

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

VERBOSE_LIBRARIES = ("boto3", "botocore", "stripe", "urllib3")
"""Libraries that log whole requests, which contain customers' data, below the level of warnings."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def configure(level: str) -> None:
    """Starts the log of a service. `level` is one of debug, info, warning and error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=_LineWriter,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=level.upper(), force=True)
    for library in VERBOSE_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def configure_for_commands() -> None:
    """Starts the log of a command that a person runs: warnings and errors, on standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _LineWriter:
    """Writes lines to standard output. All lines of one iteration of the event loop go out in one write."""

    def __init__(self, *_: Any) -> None:
        self._pending: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Writes one line: at the end of this iteration of the event loop, or at once if no loop is running."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            _write([line])
            return
        self._pending.append(line)
        if len(self._pending) == 1:
            loop.call_soon(self._flush)

    debug = info = warning = error = critical = msg

    def _flush(self) -> None:
        lines, self._pending = self._pending, []
        _write(lines)


def _write(lines: Sequence[bytes]) -> None:
    sys.stdout.buffer.write(b"\n".join((*lines, b"")))
    sys.stdout.buffer.flush()


class _ToStructlog(logging.Handler):
    """Writes the log records of libraries as lines of this log."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _json(line: Mapping[str, Any], **_: Any) -> bytes:
    return _encode(line)
