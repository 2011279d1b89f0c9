"""Compares our encodings with the official encoder."""

import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from opentelemetry.sdk.trace import ReadableSpan

from lea_payments.telemetry.tracing.exporter import ENCODINGS, Encoding
from lea_payments.telemetry.tracing.otlp_protobuf import encode_recorded, encode_span
from lea_payments.telemetry.tracing.provider import Provider
from lea_payments.telemetry.tracing.recorded import RecordedSpan
from lea_payments.telemetry.tracing.settings import JSON, PROTOBUF, read_tracing
from tests.support.otlp_sink import fill
from tests.support.random_spans import RECORDED, RESOURCE, SPANS


def _request(encoding: Encoding, spans: list[ReadableSpan]) -> bytes:
    scopes = defaultdict(list)
    for span in spans:
        scopes[span.instrumentation_scope].append(encoding.encode_span(span))
    return encoding.encode_request(RESOURCE, scopes)


def _decoded(protocol: str, spans: list[ReadableSpan]) -> ExportTraceServiceRequest:
    content, message = _request(ENCODINGS[protocol], spans), ExportTraceServiceRequest()
    if protocol == JSON:
        fill(message, json.loads(content))
    else:
        message.ParseFromString(content)
    return message


@pytest.mark.parametrize("protocol", [PROTOBUF, JSON])
@given(st.lists(SPANS, min_size=1, max_size=4))
def test_spans_are_encoded_as_by_the_official_package(protocol: str, spans: list[ReadableSpan]) -> None:
    expected = ExportTraceServiceRequest.FromString(encode_spans(spans).SerializePartialToString())

    assert str(_decoded(protocol, spans)) == str(expected)


@given(RECORDED)
def test_a_recorded_span_is_encoded_as_one_of_the_sdk(span: RecordedSpan) -> None:
    provider = Provider(read_tracing({}), RESOURCE)

    encoded, expected = ScopeSpans(), ScopeSpans()
    encoded.ParseFromString(encode_recorded(span))
    expected.ParseFromString(encode_span(provider.readable(span)))
    assert encoded == expected
