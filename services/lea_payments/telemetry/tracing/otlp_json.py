"""Encodes spans in OTLP's JSON, which differs from that of protobuf: ids are in hex, and enums are numbers."""

import logging
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status

CONTENT_TYPE = "application/json"

_LONG = 2**63
_INFINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_json = msgspec.json.Encoder().encode
_logger = logging.getLogger(__name__)


def encode_span(span: ReadableSpan) -> bytes:
    """A span as an element of `scopeSpans`. Raises ValueError if its name is not Unicode."""
    parent = span.parent
    return _json(
        _present(
            {
                **_ids(span.context),
                "traceState": _trace_state(span.context),
                "parentSpanId": parent and f"{parent.span_id:016x}",
                "name": span.name,
                "kind": span.kind.value + 1,
                "startTimeUnixNano": str(span.start_time or 0),
                "endTimeUnixNano": str(span.end_time or 0),
                "attributes": _attributes(span.attributes),
                "droppedAttributesCount": span.dropped_attributes,
                "events": [_event(event) for event in span.events],
                "droppedEventsCount": span.dropped_events,
                "links": [_link(link) for link in span.links],
                "droppedLinksCount": span.dropped_links,
                "flags": _flags(parent),
            }
        )
        | {"status": _status(span.status)}
    )


def encode_request(resource: Resource, scopes: Mapping[InstrumentationScope | None, Sequence[bytes]]) -> bytes:
    """A whole `ExportTraceServiceRequest`."""
    of_scopes = [
        {"scope": _scope(scope), "spans": msgspec.Raw(b"[%b]" % b",".join(spans)), "schemaUrl": _schema_url(scope)}
        for scope, spans in scopes.items()
    ]
    of_resource = {
        "resource": _present({"attributes": _attributes(resource.attributes)}),
        "scopeSpans": of_scopes,
        "schemaUrl": resource.schema_url,
    }
    return _json({"resourceSpans": [of_resource]})


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _ids(context: SpanContext) -> dict[str, str]:
    return {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}


def _trace_state(context: SpanContext) -> str:
    return ",".join(f"{key}={value}" for key, value in context.trace_state.items())


def _flags(context: SpanContext | None) -> int:
    """Whether a context comes from another process: the first bit says that the second one is known."""
    return 0x300 if context is not None and context.is_remote else 0x100


def _scope(scope: InstrumentationScope | None) -> dict[str, Any]:
    if scope is None:
        return {}
    return _present({"name": scope.name, "version": scope.version, "attributes": _attributes(scope.attributes)})


def _schema_url(scope: InstrumentationScope | None) -> str:
    return (scope and scope.schema_url) or ""


def _event(event: Event) -> dict[str, Any]:
    return _present(
        {
            "name": event.name,
            "timeUnixNano": str(event.timestamp),
            "attributes": _attributes(event.attributes),
            "droppedAttributesCount": event.dropped_attributes,
        }
    )


def _link(link: Link) -> dict[str, Any]:
    attributes = _attributes(link.attributes)
    dropped = link.dropped_attributes
    return _present(
        {
            **_ids(link.context),
            "attributes": attributes,
            "droppedAttributesCount": dropped,
            "flags": _flags(link.context),
        }
    )


def _status(status: Status) -> dict[str, Any]:
    return _present({"code": status.status_code.value, "message": status.description})


def _attributes(attributes: Mapping[str, object] | None) -> list[dict[str, Any]]:
    """An attribute that OTLP cannot express is left out."""
    fields = []
    for key, value in (attributes or {}).items():
        try:
            fields.append(_pair(key, value))
        except (ValueError, TypeError) as error:
            _logger.warning("An attribute cannot be exported: %s: %s", key, type(error).__name__)
    return fields


def _pair(key: str, value: object) -> dict[str, Any]:
    return {"key": _unicode(key), "value": _value(value)}


def _value(value: object) -> dict[str, Any]:  # noqa: PLR0911 - one for each type
    """An `AnyValue`."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": _unicode(value)}
        case int():
            return {"intValue": _integer(value)}
        case float():
            return {"doubleValue": _double(value)}
        case bytes():
            return {"bytesValue": b64encode(value).decode()}
        case Sequence():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case Mapping():
            return {"kvlistValue": {"values": [_pair(str(key), one) for key, one in value.items()]}}
    raise TypeError(type(value).__name__)


def _unicode(text: str) -> str:
    """The text. Raises ValueError for a surrogate that stands alone."""
    text.encode()
    return text


def _integer(number: int) -> str:
    """As text, because a number of JavaScript has 53 bits."""
    if not -_LONG <= number < _LONG:
        raise ValueError("more than 64 bits")
    return str(number)


def _double(number: float) -> float | str:
    return number if math.isfinite(number) else _INFINITE.get(number, "NaN")
