"""Keeps ended spans until a thread exports them, in batches."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from lea_payments.telemetry import connections
from lea_payments.telemetry.throttle import Throttle
from lea_payments.telemetry.tracing.settings import Batches

if TYPE_CHECKING:
    from lea_payments.telemetry.tracing.exporter import EncodedSpan, OtlpExporter

T = TypeVar("T")

SHUTDOWN_SECONDS = 30
"""How long a shutdown waits for the last exports, as the SDK does."""

_logger = logging.getLogger(__name__)
_full = Throttle(seconds=60)


class SpanQueue(SpanProcessor):
    """Encodes spans when they end, and exports them in batches. If it is full, its oldest span is lost and counted.

    The SDK's own queue makes a system call for each span, and does not tell when it is full.
    """

    def __init__(self, exporter: "OtlpExporter", batches: Batches) -> None:
        self._exporter = exporter
        self._delay_seconds, self._batch_size = batches.delay_milliseconds / 1000, batches.size
        self._size = batches.queue_size
        self._spans: deque[EncodedSpan] = deque(maxlen=self._size)
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._export_until_closed, name="span export", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Adds a span of the SDK, if its trace is kept."""
        if span.context.trace_flags.sampled:
            self.add(self._exporter.encode, span)

    def add(self, encode: Callable[[T], "EncodedSpan"], span: T) -> None:
        """Adds a span in its encoded form. One that cannot be expressed is lost and counted."""
        if self._is_closed:
            connections.spans_dropped(1)
            return
        try:
            encoded = encode(span)
        except ValueError:
            connections.spans_dropped(1)
            return
        if len(self._spans) == self._size:
            self._oldest_dropped()
        self._spans.append(encoded)
        if len(self._spans) >= self._batch_size and not self._wake.is_set():
            self._wake.set()

    def shutdown(self) -> None:
        """Exports what waits, for at most 30 s, and ends the thread. What is left is lost and counted."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wake.set()
        self._thread.join(SHUTDOWN_SECONDS)
        self._exporter.shutdown()

    def _oldest_dropped(self) -> None:
        connections.spans_dropped(1)
        count = _full.count("", time.monotonic())
        if count:
            _logger.warning("The queue of spans is full: %d lost", count)

    def _export_until_closed(self) -> None:
        while not self._is_closed:
            has_full_batch = self._wake.wait(self._delay_seconds)
            self._wake.clear()
            if not has_full_batch and self._spans:
                self._export()
            while len(self._spans) >= self._batch_size:
                self._export()
        while self._spans:
            self._export()

    def _export(self) -> None:
        spans = self._spans  # it only shrinks here, except if it is full, when more than a batch is left
        batch = [spans.popleft() for _ in range(min(self._batch_size, len(spans)))]
        try:
            self._exporter.export(batch)
        except Exception:
            _logger.exception("A batch of spans could not be exported")
