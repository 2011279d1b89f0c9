"""Attacks with heads, bodies and connections that never end."""

import itertools
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from tests.attack.context import AttackContext, Target
from tests.attack.kinds.senders import SENDERS, run_together
from tests.attack.markers import EMAIL, NAME
from tests.support.senders import connect, head, read_to_end, send_until_closed

HEALTH = b"GET /health HTTP/1.1\r\nHost: webhook\r\n\r\n"
START = b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\n"
ENDLESS = 96_000_000
ENDLESS_HEADS: Mapping[str, tuple[bytes, bytes]] = {
    "one header": (START + b"X: " + NAME.encode(), b"x" * 65_536),
    "one header in small pieces": (START + b"X: " + EMAIL.encode(), b"x" * 500),
    "a URL": (b"GET /" + NAME.encode(), b"x" * 65_536),
    "a method": (b"", b"X" * 65_536),
    "blank lines": (b"", b"\r\n" * 30_000),
}
MANY_HEADERS: Mapping[str, tuple[bytes, bytes]] = {
    "headers": (START, f"A: {NAME}\r\n".encode() * 5_000),
    "tiny headers": (START, b"a:\r\n" * 20_000),
    "folded lines": (START + b"A: b\r\n", b" c\r\n" * 20_000),
}
TAKEN_BYTES = 20_000_000
"""What the buffers of the system take before a sender notices that its connection is closed."""

SILENT = 1_500
SLOW = 150
HALF_BODIES = 600
PIPELINES = 20
DEADLINE_SECONDS = 40
"""Twice the time for a body: a connection that is open for longer has no deadline."""

STOP_LIMIT = 10
"""In seconds. A half body may delay the end by 2 s; the chart's grace period is longer."""


def endless_heads(context: AttackContext) -> str:
    """Sends heads without end to every service."""
    return _refused_heads(context, ENDLESS_HEADS)


def many_headers(context: AttackContext) -> str:
    """Sends millions of small headers to every service."""
    return _refused_heads(context, MANY_HEADERS)


def silent_connections(context: AttackContext) -> str:
    """Opens connections that say nothing, more than the service may have open files."""
    before = context.webhook.closed("too_many_connections")
    with _connections(context, SILENT):
        time.sleep(context.seconds)
    closed = context.webhook.closed("too_many_connections") - before
    context.require(closed >= SILENT - 1_000, f"only {closed:.0f} of {SILENT} connections were closed")
    return f"{SILENT:,} connections, {closed:,.0f} closed to make room"


def slow_requests(context: AttackContext) -> str:
    """Sends heads and bodies one byte at a time, on many connections, and waits for the deadlines."""
    with _connections(context, 2 * SLOW) as connections:
        for number, connection in enumerate(connections):
            connection.sendall(head(200_000) + b'{"email": "' if number % 2 else START + b"X: ")
        answers = _trickle(connections)
    context.require(not answers["open"], f"{answers['open']} slow connections were still open")
    context.require(answers["408"] > SLOW, f"the slow connections ended as {dict(answers)}")
    return f"{2 * SLOW} connections, {answers['408']} answered with 408"


def unread_pipelines(context: AttackContext) -> str:
    """Sends requests without end on each connection and reads no answer."""
    sent = 0
    with _connections(context, PIPELINES) as connections:
        end = time.monotonic() + context.seconds
        for connection in itertools.cycle(connections):
            connection.settimeout(0.05)
            sent += send_until_closed(connection, [HEALTH * 2_000] * 10)
            if time.monotonic() > end:
                break
    return f"{PIPELINES} connections took {sent / 2**20:.0f} MiB of requests"


def half_bodies(context: AttackContext) -> str:
    """Sends almost the whole body on many connections."""
    before = context.webhook.closed("too_much_memory")
    with _connections(context, HALF_BODIES) as connections:
        for connection in connections:
            connection.settimeout(5)
            send_until_closed(connection, [head(262_144) + EMAIL.encode() + b"x" * 250_000])
        time.sleep(context.seconds / 2)
    closed = context.webhook.closed("too_much_memory") - before
    context.require(closed > 0, "no half body was dropped: together they may use 64 MiB")
    return f"{HALF_BODIES} bodies of 250 kB, {closed:.0f} dropped"


def endless_bodies(context: AttackContext) -> str:
    """Sends bodies, chunks and trailers without end."""
    chunked = START + b"Transfer-Encoding: chunked\r\n\r\n"
    attempts = {
        "a body after its answer": (head(10**9), b"x" * 65_536),
        "chunks": (chunked, b"1\r\nx\r\n" * 10_000),
        "larger chunks": (chunked, b"8\r\n12345678\r\n" * 5_000),
        "a chunk": (chunked + b"3fffffff\r\n", b"x" * 65_536),
        "trailers": (chunked + b"2\r\n{}\r\n0\r\n", b"A: b\r\n" * 10_000),
        "a chunk extension": (chunked + b"2;", b"x" * 65_536),
    }
    return _bounded(context, attempts, context.webhook)


def half_bodies_at_the_end(context: AttackContext) -> str:
    """Sends half heads and half bodies, then SIGTERM."""
    with context.own_webhook() as webhook, _connections(context, 40, webhook.url) as connections:
        for number, connection in enumerate(connections):
            connection.sendall(head(1_000) + EMAIL.encode() if number % 2 else START + b"X: ")
        time.sleep(context.seconds / 2)
        seconds = context.stop(webhook)
        answers = [read_to_end(connection)[9:12] for connection in connections]
    context.require(seconds < STOP_LIMIT, f"it stopped after {seconds:.0f} s")
    context.require(answers.count(b"503") == 20, "not every half body was answered with 503")
    return f"40 connections, stopped after {seconds:.1f} s"


def _refused_heads(context: AttackContext, heads: Mapping[str, tuple[bytes, bytes]]) -> str:
    return _bounded(context, heads, context.webhook, context.checkout, context.pages)


def _bounded(context: AttackContext, attempts: Mapping[str, tuple[bytes, bytes]], *services: Target) -> str:
    """Makes each attempt at each service, again and again and at the same time; each connection has to end soon."""
    sent: list[int] = []
    end = time.monotonic() + context.seconds
    kinds = itertools.cycle([(name, service) for name in attempts for service in services])

    def send() -> None:
        while time.monotonic() < end:
            name, service = next(kinds)
            start, piece = attempts[name]
            with connect(service.url) as connection:
                pieces = itertools.repeat(piece, ENDLESS // len(piece))
                sent.append(send_until_closed(connection, [start, *pieces]))
            context.require(sent[-1] < TAKEN_BYTES, f"{name}: {service.service} took more than {TAKEN_BYTES:,} bytes")

    run_together([send] * SENDERS)
    return f"{len(sent):,} connections, at most {max(sent) / 2**20:.1f} MiB sent on each"


def _trickle(connections: list[socket.socket]) -> Counter[str]:
    """Sends a byte on each connection again and again; returns how the connections ended."""
    ends: Counter[str] = Counter()
    waiting = set(connections)
    deadline = time.monotonic() + DEADLINE_SECONDS
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while waiting and time.monotonic() < deadline:
            ended = {key.fileobj for key, _ in selector.select(0.5)}
            for connection in waiting - ended:
                with suppress(OSError):
                    connection.send(b"x")
            for connection in waiting & ended:
                selector.unregister(connection)
                ends[read_to_end(connection)[9:12].decode() or "closed"] += 1
            waiting -= ended
    ends["open"] = len(waiting)
    return ends


@contextmanager
def _connections(context: AttackContext, number: int, url: str = "") -> Iterator[list[socket.socket]]:
    """Connections that are closed at the end of the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(url or context.webhook.url)) for _ in range(number)]
