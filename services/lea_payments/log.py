"""Configures the log: one JSON line per event, written to standard output."""

import atexit
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from lea_payments.text.line_output import LineOutput
from lea_payments.text.visible import visible_json, visible_lines, visible_text

VERBOSE_LIBRARIES = ("boto3", "botocore", "stripe", "urllib3")
"""Libraries that log whole requests, which contain customers' data, below the level of warnings."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def configure(level: str, on_dropped: Callable[[int], object] = abs) -> None:
    """Starts the log of a service. `level` is one of debug, info, warning and error.

    `on_dropped` gets the number of lines that cannot be written.
    """
    output = LineOutput(_standard_output(), on_dropped)
    atexit.register(output.close)
    structlog.configure(
        wrapper_class=_logger_class(level.lower()),
        logger_factory=output,
        cache_logger_on_first_use=True,
    )
    vars(log)["info"] = log.bind().info  # otherwise the proxy looks it up for each line
    logging.basicConfig(handlers=[_ToStructlog()], level=level.upper(), force=True)
    for library in VERBOSE_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def _logger_class(level: str) -> type[structlog.typing.FilteringBoundLogger]:
    """A logger of structlog for a level, which makes each line in one step: nothing binds fields to it.

    Every delivery writes two lines, and structlog's chain of processors costs as much as all of `_Lines`.
    """
    lines = _Lines()
    base: type[Any] = structlog.make_filtering_bound_logger(level)

    class Logger(base):  # type: ignore[misc]  # the library creates this class
        def _proxy_to_logger(self, method_name: str, event: str, **fields: Any) -> None:
            getattr(self._logger, method_name)(lines.line(method_name, event, fields))

    class InfoLogger(Logger):
        def info(self, event: str, **fields: Any) -> None:
            """Writes a line without the general way: most lines are of this level."""
            self._logger.info(lines.line("info", event, fields))

    return InfoLogger if level in ("debug", "info") else Logger


class _Lines:
    """Makes lines of JSON with the level and the time. Each second is formatted only once."""

    def __init__(self) -> None:
        self._second, self._prefix = -1, ""

    def line(self, level: str, event: str, fields: structlog.typing.EventDict) -> bytes:
        """A line with these fields and their exception, if there is one."""
        fields["event"] = event
        if "exc_info" in fields:
            fields = structlog.processors.format_exc_info(None, level, fields)
        second, rest = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second, self._prefix = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        fields["level"] = level
        fields["timestamp"] = f"{self._prefix}{rest // 1000:06}Z"
        return _json(fields)


def configure_for_commands() -> None:
    """Starts the log of a command that a person runs: warnings and errors, on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _visible_values,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


def _visible_values(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: _visible_value(name, value) for name, value in line.items()}


def _visible_value(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    return visible_lines(value) if name == "exception" else visible_text(value)


def _standard_output() -> int | None:
    """The descriptor of standard output; None if it was closed at the start, when another file can have its number."""
    return None if sys.stdout is None else sys.stdout.fileno()


class _ToStructlog(logging.Handler):
    """Writes the log records of libraries as lines of this log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - wrong arguments of a library's message must not end its call
            self.handleError(record)


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _json(line: Mapping[str, Any]) -> bytes:
    """One line of JSON that a terminal can show: nearly all lines are ASCII and need no change."""
    try:
        encoded = _encode(line)
    except (ValueError, OverflowError):  # a surrogate that stands alone, or a number of more than 64 bits
        encoded = json.dumps(line, default=str).encode()
    return encoded if encoded.isascii() and b"\x7f" not in encoded else visible_json(encoded.decode()).encode()
