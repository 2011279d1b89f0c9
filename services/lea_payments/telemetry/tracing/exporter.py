"""Exports spans over OTLP/HTTP, in protobuf or JSON, and counts those that the collector does not accept."""

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from lea_payments.telemetry import connections
from lea_payments.telemetry.tracing.settings import JSON, Exporting

_IDS = ("traceId", "spanId", "parentSpanId")


class _Exporter(OTLPSpanExporter):
    """Counts the spans that the collector does not accept."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Exports a batch."""
        result = self._export_batch(spans)
        if result is not SpanExportResult.SUCCESS:
            connections.spans_dropped(len(spans))
        return result

    def _export_batch(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export(spans)


class _JsonExporter(_Exporter):
    """Exports OTLP's JSON, which the package cannot."""

    def _export_batch(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._client.export(_json(spans))
        return SpanExportResult.SUCCESS if result.success else SpanExportResult.FAILURE


def exporter_of(settings: Exporting) -> SpanExporter:
    """The exporter to this collector."""
    kind = _JsonExporter if settings.protocol == JSON else _Exporter
    content_type = {"content-type": "application/json"} if settings.protocol == JSON else {}
    return kind(
        endpoint=settings.endpoint,
        certificate_file=settings.authority_file or None,
        client_certificate_file=settings.client_certificate or None,
        client_key_file=settings.client_key or None,
        headers={**settings.headers, **content_type},
        timeout=settings.timeout_seconds,
        compression={one.value: one for one in Compression}[settings.compression],
    )


def _json(spans: Sequence[ReadableSpan]) -> bytes:
    return json.dumps(_object(encode_spans(spans)), separators=(",", ":")).encode()


def _object(message: Any) -> dict[str, Any]:
    """A message in OTLP's JSON, which differs from that of protobuf: ids are in hex, and enums are numbers."""
    return {field.json_name: _value(field, value) for field, value in message.ListFields()}


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex() if field.json_name in _IDS else b64encode(value).decode()
    if isinstance(value, int) and field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
        return str(value)  # a number of JavaScript has 53 bits
    if isinstance(value, str | int | float):
        return value
    return _object(value) if hasattr(value, "ListFields") else [_value(field, one) for one in value]
