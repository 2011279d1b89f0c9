"""Records what the limits of the HTTP services refuse, and what the telemetry itself has lost."""

import time
from collections.abc import Mapping

from prometheus_client import Counter

from lea_payments.log import log
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.throttle import Throttle

REMEDIES: Mapping[str, str] = {
    "head_too_large": "let the sender use less than 32 KiB and 100 headers; Stripe sends less than 2 KiB",
    "head_timeout": "find the sender that opens connections and sends no complete request within 10 s",
    "body_timeout": "find the sender or proxy that sends no complete body within 20 s",
    "slow_reader": "find the sender that does not read its answers",
    "unread_body": "find the sender that sends more than 1 MiB after its answer",
    "invalid_http": "find the sender that does not speak HTTP/1.1, such as a scanner or a probe with TLS",
    "too_many_connections": "limit the connections of one address at the ingress, or add replicas",
    "too_much_memory": "limit the size of bodies and the connections of one address at the ingress",
    "shutdown": "nothing: the service stopped before the body was complete; Stripe sends the event again",
}
"""The reasons why a service closes a connection before an answer, each with its remedy."""

CLOSED = Counter("payments_http_connections_closed_total", "Connections that a limit has closed.", ("reason",))
LINES_DROPPED = Counter(
    "payments_log_lines_dropped_total", "Log lines that could not be written: nobody read them, or the disk was full."
)
SPANS_DROPPED = Counter(
    "payments_spans_dropped_total", "Spans that were lost: the collector of traces did not accept them in time."
)

_closed = Throttle(seconds=60)


def connection_closed(reason: str) -> None:
    """A limit has closed a connection. One log line per reason and minute says what to do."""
    series(CLOSED, reason).inc()
    count = _closed.count(reason, time.monotonic())
    if count:
        log.warning("connection_closed", reason=reason, count=count, remedy=REMEDIES[reason])


def log_lines_dropped(count: int) -> None:
    """Log lines could not be written."""
    LINES_DROPPED.inc(count)


def spans_dropped(count: int) -> None:
    """Spans could not be exported, or waited too long for it."""
    SPANS_DROPPED.inc(count)
