"""Attacks on standard output, the trace collector and the metrics port."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.attack.context import AttackContext, Target
from tests.attack.kinds.senders import flood
from tests.attack.markers import NAME, PERSON, SECRET
from tests.support.senders import head
from tests.support.stripe_bodies import event
from tests.support.webhook_delivery import Delivery

IDLE_CPU = 0.4
"""The share of a processor that a service may use with only the good events; a spinning callback uses 0.7."""

SCRAPERS = 200
STOP_LIMIT = 10
"""In seconds. The last spans have 5 s."""

FORGED = head(2, "Stripe-Signature: t=1,v1=00", f"User-Agent: {NAME}") + b"{}"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: metrics\r\nAccept-Encoding: identity\r\n\r\n"


def closed_output(context: AttackContext) -> str:
    """Closes standard output."""
    return _without_output(context, ">&-")


def full_disk(context: AttackContext) -> str:
    """Writes the log to a disk that is full."""
    return _without_output(context, ">/dev/full")


def unread_output(context: AttackContext) -> str:
    """Writes the log to a pipe that nobody reads."""
    with _pipe(context.folder / "unread") as path:
        return _without_output(context, f">{path}")


def silent_collector(context: AttackContext) -> str:
    """Exports traces to a collector that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as collector:
        endpoint = f"http://127.0.0.1:{collector.getsockname()[1]}"
        schedule = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
        with context.own_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **schedule) as webhook:
            answers = flood(webhook.url, [FORGED], context.seconds)
            share = _idle_cpu(webhook)
            seconds = context.stop(webhook)
    context.require(share < IDLE_CPU, f"it used {share:.0%} of a processor while nothing happened")
    context.require(seconds < STOP_LIMIT, f"it stopped after {seconds:.0f} s")
    return f"{answers.total():,} forged deliveries; {share:.0%} CPU afterwards, stopped after {seconds:.1f} s"


def hostile_scrapers(context: AttackContext) -> str:
    """Opens silent connections to the metrics port, scrapes without reading, and scrapes as fast as possible."""
    url, end = context.webhook.metrics, time.monotonic() + context.seconds
    with ExitStack() as stack:
        opening = [
            threading.Thread(target=_open_silently, args=(url, stack, number % 2 == 0)) for number in range(SCRAPERS)
        ]
        scraping = [threading.Thread(target=_scrape_until, args=(url, end)) for _ in range(4)]
        for thread in (*opening, *scraping):
            thread.start()
        most = 0
        while time.monotonic() < end:
            most = max(most, psutil.Process(context.webhook.pid).num_threads())
            time.sleep(0.1)
        for thread in (*opening, *scraping):
            thread.join()
    context.require(most < 60, f"the webhook had {most} threads")
    return f"{SCRAPERS} connections to the metrics port, at most {most} threads"


def _without_output(context: AttackContext, output: str) -> str:
    with context.own_webhook(output=output) as webhook:
        answers = flood(webhook.url, [_unused_event(number) for number in range(100)], context.seconds)
        context.require(answers.keys() == {200}, f"the answers were {dict(answers)}")
        share = _idle_cpu(webhook)
        dropped = webhook.value("payments_log_lines_dropped_total")
        seconds = context.stop(webhook)
    context.require(share < IDLE_CPU, f"it used {share:.0%} of a processor while nothing happened")
    context.require(seconds < STOP_LIMIT, f"it stopped after {seconds:.0f} s")
    context.require(dropped, "no dropped line was counted")
    return (
        f"{answers.total():,} events, {dropped:,.0f} lines dropped and counted; "
        f"{share:.0%} CPU afterwards, stopped after {seconds:.1f} s"
    )


def _unused_event(number: int) -> bytes:
    """A good event that changes nothing: the log has a line for each, however many arrive."""
    delivery = Delivery.of(event("customer.created", {"id": f"cus_{number}", **PERSON}), SECRET)
    return head(len(delivery.body), f"Stripe-Signature: {delivery.signature}") + delivery.body


def _idle_cpu(webhook: Target) -> float:
    """The share of a processor that the webhook uses with only the good events. A busy machine makes it smaller."""
    process = psutil.Process(webhook.pid)
    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(2)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started)


def _open_silently(url: str, stack: ExitStack, sends: bool) -> None:
    with suppress(OSError):
        connection = stack.enter_context(_connect(url))
        if sends:
            connection.sendall(SCRAPE)


def _connect(url: str) -> socket.socket:
    """A connection that does not wait long: the backlog of the metrics port is full."""
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=0.5)


def _scrape_until(url: str, end: float) -> None:
    while time.monotonic() < end:
        try:
            with _connect(url) as connection:
                connection.sendall(SCRAPE)
                while connection.recv(65_536):
                    pass
        except OSError:
            time.sleep(0.01)


@contextmanager
def _pipe(path: Path) -> Iterator[Path]:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR)
    yield path
    os.close(reader)
