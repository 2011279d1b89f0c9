"""Exports spans over OTLP/HTTP, in protobuf or JSON, and counts those that the collector does not accept."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

import msgspec
from opentelemetry.exporter.http.transport._requests import RequestsHTTPTransport
from opentelemetry.exporter.otlp.common.http import Compression, _OTLPHTTPClient
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.sdk.version import __version__ as sdk_version

from lea_payments.outbound.http_session import OutboundSession
from lea_payments.telemetry import connections
from lea_payments.telemetry.tracing import otlp_json, otlp_protobuf
from lea_payments.telemetry.tracing.provider import SCOPE
from lea_payments.telemetry.tracing.recorded import RecordedSpan
from lea_payments.telemetry.tracing.settings import JSON, PROTOBUF, Exporting

_logger = logging.getLogger(__name__)


class EncodedSpan(msgspec.Struct, frozen=True, gc=False):
    """A span that waits for its export, and the library that has recorded it."""

    scope: InstrumentationScope | None
    content: bytes


class Encoding(Protocol):
    """One of OTLP's formats."""

    CONTENT_TYPE: str

    def encode_span(self, span: ReadableSpan) -> bytes:
        """A span. Raises ValueError if it cannot be expressed."""

    def encode_request(
        self, resource: Resource, scopes: Mapping[InstrumentationScope | None, Sequence[bytes]]
    ) -> bytes:
        """A request with these spans of each library."""


ENCODINGS: Mapping[str, Encoding] = {PROTOBUF: otlp_protobuf, JSON: otlp_json}


class OtlpExporter:
    """Sends spans to a collector. They are encoded when they end, because that is cheap and this thread's work is not.

    The client of OpenTelemetry's package tries again, compresses and has the time limits. Its exporter is not used: it
    needs 20 µs for each span, all at once, while no delivery is answered.
    """

    def __init__(self, settings: Exporting, resource: Resource) -> None:
        self._encoding, self._resource = ENCODINGS[settings.protocol], resource
        certificate, key = settings.client_certificate, settings.client_key
        self._client = _OTLPHTTPClient(
            RequestsHTTPTransport(
                verify=settings.authority_file or True,
                cert=(certificate, key) if certificate and key else certificate or None,
                session=OutboundSession(),
            ),
            settings.endpoint,
            "spans",
            settings.timeout_seconds,
            Compression(settings.compression),
            {
                "user-agent": f"OTel-OTLP-Exporter-Python/{sdk_version}",
                **settings.headers,
                "content-type": self._encoding.CONTENT_TYPE,
            },
            logger=_logger,
        )
        self._is_closed = False

    @property
    def encode_recorded(self) -> Callable[[RecordedSpan], EncodedSpan] | None:
        """As `encode`, for a recorded span. Only protobuf, the default, is worth code of its own."""
        return _encode_recorded if self._encoding is otlp_protobuf else None

    def encode(self, span: ReadableSpan) -> EncodedSpan:
        """A span as it waits for its export. Raises ValueError if it cannot be expressed."""
        return EncodedSpan(span.instrumentation_scope, self._encoding.encode_span(span))

    def export(self, batch: Sequence[EncodedSpan], /) -> None:
        """Exports a batch."""
        if self._is_closed or not self._client.export(self._request(batch)).success:
            connections.spans_dropped(len(batch))

    def shutdown(self) -> None:
        """Ends an export that waits for its next attempt."""
        self._is_closed = True
        self._client.shutdown()

    def _request(self, batch: Sequence[EncodedSpan]) -> bytes:
        scopes: defaultdict[InstrumentationScope | None, list[bytes]] = defaultdict(list)
        for scope, spans in groupby(batch, attrgetter("scope")):
            scopes[scope] += [span.content for span in spans]
        return self._encoding.encode_request(self._resource, scopes)


def _encode_recorded(span: RecordedSpan) -> EncodedSpan:
    return EncodedSpan(SCOPE, otlp_protobuf.encode_recorded(span))
