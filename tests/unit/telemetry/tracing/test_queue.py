"""Tests the queue of spans with an exporter that waits until it is released."""

import threading
from collections.abc import Sequence
from typing import cast

from prometheus_client import REGISTRY

from lea_payments.telemetry.tracing.exporter import EncodedSpan, OtlpExporter
from lea_payments.telemetry.tracing.queue import SpanQueue
from lea_payments.telemetry.tracing.settings import Batches


class SlowExporter:
    """Keeps the batches that it gets."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def export(self, batch: Sequence[EncodedSpan]) -> None:
        self.batches.append([span.content for span in batch])
        self.has_begun.set()
        assert self.may_end.wait(60)

    def shutdown(self) -> None:
        """Needs nothing."""


def _queue_of(exporter: SlowExporter) -> SpanQueue:
    return SpanQueue(cast("OtlpExporter", exporter), Batches(delay_milliseconds=3_600_000, queue_size=3, size=2))


def _encode(content: bytes) -> EncodedSpan:
    return EncodedSpan(None, content)


def _invalid(_: bytes) -> EncodedSpan:
    raise ValueError


def _dropped() -> float:
    return REGISTRY.get_sample_value("payments_spans_dropped_total") or 0


def test_a_full_queue_loses_and_counts_its_oldest_span() -> None:
    exporter, before = SlowExporter(), _dropped()
    queue = _queue_of(exporter)
    for content in (b"0", b"1"):
        queue.add(_encode, content)
    assert exporter.has_begun.wait(60)
    for content in (b"2", b"3", b"4", b"5"):
        queue.add(_encode, content)
    exporter.may_end.set()
    queue.shutdown()

    assert exporter.batches == [[b"0", b"1"], [b"3", b"4"], [b"5"]]
    assert _dropped() - before == 1


def test_spans_that_cannot_be_exported_are_counted() -> None:
    exporter, before = SlowExporter(), _dropped()
    exporter.may_end.set()
    queue = _queue_of(exporter)
    queue.add(_invalid, b"invalid")
    queue.shutdown()
    queue.add(_encode, b"late")

    assert exporter.batches == []
    assert _dropped() - before == 2
