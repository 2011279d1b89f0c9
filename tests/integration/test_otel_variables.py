"""Checks what each OpenTelemetry variable does, with a real collector that receives the traces."""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from lea_payments.settings import TableSettings
from lea_payments.telemetry.connections import SPANS_DROPPED
from lea_payments.telemetry.tracing.provider import Provider, provider_of
from lea_payments.telemetry.tracing.recorded import CommonParts, RecordedSpan
from lea_payments.telemetry.tracing.settings import Tracing, read_tracing
from lea_payments.telemetry.tracing.variables import OtelVariables
from tests.support.examples import examples
from tests.support.otlp_sink import OtlpSink, Span, Value
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.services import Services
from tests.support.stripe_bodies import SECRET, completed
from tests.support.webhook_delivery import Delivery

ENDPOINT, TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL, TRACES_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
HEADERS, TRACES_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
COMPRESSION = "OTEL_EXPORTER_OTLP_COMPRESSION"
SAMPLER, ARG = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
RESOURCE, POD, NAME = "OTEL_RESOURCE_ATTRIBUTES", "POD_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"
ORDINARY, FAILED = "ordinary", "failed"


class Exported(NamedTuple):
    """What the collector has received."""

    names: tuple[str, ...]
    paths: tuple[str, ...]
    headers: Mapping[str, str]
    resource: Mapping[str, object]


NOTHING = Exported((), (), {}, {})


Export = Callable[..., Exported]


@pytest.fixture
def export(sink: OtlpSink) -> Export:
    """Exports an ordinary span and one that starts with an error, and returns what the collector has received."""

    def export_with(variables: Mapping[str, str]) -> Exported:
        sink.spans.clear()
        sink.requests.clear()
        sink.headers = {}
        tracing = read_tracing({name: value.replace("SINK", sink.endpoint) for name, value in variables.items()})
        if tracing.is_on:
            _export_two_spans(tracing)
        spans: list[Span] = [*sink.spans]
        resource = spans[0].resource if spans else {}
        return Exported(tuple(span.name for span in spans), tuple(sink.requests), sink.headers, resource)

    return export_with


def _export_two_spans(tracing: Tracing) -> None:
    provider = provider_of(tracing, "webhook")
    tracer = provider.get_tracer("test")
    for name, attributes in ((ORDINARY, {"text": "12345"}), (FAILED, {"error.type": "503"})):
        tracer.start_span(name, trace.set_span_in_context(trace.INVALID_SPAN), SpanKind.SERVER, attributes).end()
    provider.shutdown()


def problems(variables: Mapping[str, str]) -> dict[str, str]:
    return {problem.variable: problem.text for problem in read_tracing(variables).problems}


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        pytest.param({ENDPOINT: "SINK"}, "/v1/traces", id="the collector's URL"),
        pytest.param({ENDPOINT: "SINK/"}, "/v1/traces", id="with a slash"),
        pytest.param({ENDPOINT: "SINK/otlp/"}, "/otlp/v1/traces", id="with a path"),
        pytest.param({ENDPOINT: "SINK/otlp?key=1"}, "/otlp/v1/traces?key=1", id="with a query"),
        pytest.param({ENDPOINT: "SINK/v1/traces"}, "/v1/traces", id="with the path of traces"),
        pytest.param({ENDPOINT: "SINK/v1/traces/v1/traces/"}, "/v1/traces", id="doubled"),
        pytest.param({TRACES_ENDPOINT: "SINK/v1/traces"}, "/v1/traces", id="only for traces"),
        pytest.param({TRACES_ENDPOINT: "SINK/otlp/spans"}, "/otlp/spans", id="any path for traces"),
        pytest.param({TRACES_ENDPOINT: "SINK"}, "/", id="no path for traces"),
        pytest.param({TRACES_ENDPOINT: "SINK/v1/traces/v1/traces"}, "/v1/traces", id="doubled for traces"),
        pytest.param({ENDPOINT: "http://127.0.0.1:9", TRACES_ENDPOINT: "SINK/v1/traces"}, "/v1/traces", id="both"),
        pytest.param({ENDPOINT: "SINK", TRACES_ENDPOINT: "collector:4318"}, "/v1/traces", id="invalid for traces"),
        pytest.param({ENDPOINT: "SINK", "OTEL_TRACES_EXPORTER": "otlp"}, "/v1/traces", id="exporter otlp"),
        pytest.param({ENDPOINT: "SINK", "OTEL_TRACES_EXPORTER": "zipkin"}, "/v1/traces", id="unknown exporter"),
        pytest.param({ENDPOINT: "SINK", "OTEL_SDK_DISABLED": "false"}, "/v1/traces", id="not disabled"),
        pytest.param({ENDPOINT: "SINK", "OTEL_SDK_DISABLED": "1"}, "/v1/traces", id="disabled by an unknown word"),
        pytest.param({ENDPOINT: "SINK", PROTOCOL: "thrift"}, "/v1/traces", id="unknown protocol"),
        pytest.param(
            {ENDPOINT: "SINK", PROTOCOL: "grpc", TRACES_PROTOCOL: "http/protobuf"}, "/v1/traces", id="other grpc"
        ),
        pytest.param({ENDPOINT: "SINK", "OTEL_BSP_SCHEDULE_DELAY": "5s"}, "/v1/traces", id="invalid delay"),
    ],
)
def test_traces_arrive_at_the_right_path(export: Export, variables: Mapping[str, str], path: str) -> None:
    exported = export(variables)

    assert exported.names == (ORDINARY, FAILED)
    assert exported.paths == (path,)
    assert exported.resource["service.name"] == "lea-payments-webhook"


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="nothing set"),
        pytest.param({ENDPOINT: "SINK", "OTEL_TRACES_EXPORTER": "none"}, id="exporter none"),
        pytest.param({ENDPOINT: "SINK", "OTEL_SDK_DISABLED": "True"}, id="disabled"),
        pytest.param({ENDPOINT: "SINK", PROTOCOL: "grpc"}, id="grpc"),
        pytest.param({TRACES_ENDPOINT: "SINK/v1/traces", TRACES_PROTOCOL: "GRPC"}, id="grpc for traces"),
        pytest.param({ENDPOINT: "http://$(HOST_IP):4318"}, id="a variable that was not replaced"),
        pytest.param({ENDPOINT: "collector:4318"}, id="no scheme"),
        pytest.param({ENDPOINT: "http://collector:many"}, id="no port"),
        pytest.param({ENDPOINT: "http://[::1"}, id="a bracket that is not closed"),
        pytest.param({ENDPOINT: "SINK", SAMPLER: "always_off"}, id="always_off"),
        pytest.param({ENDPOINT: "SINK", SAMPLER: "parentbased_always_off"}, id="parentbased_always_off"),
    ],
)
def test_nothing_is_exported(export: Export, variables: Mapping[str, str]) -> None:
    assert export(variables) == NOTHING


def test_the_exporter_otlp_alone_uses_this_machine() -> None:
    assert read_tracing({"OTEL_TRACES_EXPORTER": "otlp"}).exporting.endpoint == "http://localhost:4318/v1/traces"


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        pytest.param({}, (ORDINARY, FAILED), id="default"),
        pytest.param({ARG: "0"}, (FAILED,), id="only a share"),
        pytest.param({SAMPLER: "parentbased_traceidratio", ARG: "0"}, (FAILED,), id="parent-based ratio"),
        pytest.param({SAMPLER: "traceidratio", ARG: "0.0"}, (FAILED,), id="ratio"),
        pytest.param({SAMPLER: "TraceIdRatio", ARG: "1"}, (ORDINARY, FAILED), id="upper case"),
        pytest.param({SAMPLER: "always_on", ARG: "0"}, (ORDINARY, FAILED), id="always_on"),
        pytest.param({SAMPLER: "parentbased_always_on", ARG: "many"}, (ORDINARY, FAILED), id="an unused argument"),
        pytest.param(
            {SAMPLER: "parentbased_jaeger_remote", ARG: "endpoint=http://j:14250"}, (ORDINARY, FAILED), id="operator"
        ),
        pytest.param({ARG: "10"}, (ORDINARY, FAILED), id="percent"),
        pytest.param({ARG: "nan"}, (ORDINARY, FAILED), id="not a number"),
        pytest.param({ARG: "-1"}, (ORDINARY, FAILED), id="negative"),
    ],
)
def test_a_ratio_samples_and_errors_are_kept(
    export: Export, variables: Mapping[str, str], names: tuple[str, ...]
) -> None:
    assert export({ENDPOINT: "SINK", **variables}).names == names


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        pytest.param({HEADERS: "Authorization=Basic%20abc"}, "Basic abc", id="encoded"),
        pytest.param({HEADERS: "authorization=Basic abc"}, "Basic abc", id="with a space"),
        pytest.param({HEADERS: "authorization = a==, x=1 ,"}, "a==", id="more signs of equality"),
        pytest.param({HEADERS: "authorization=all", TRACES_HEADERS: "authorization=traces"}, "traces", id="for traces"),
        pytest.param({HEADERS: "authorization: Basic abc"}, None, id="a colon"),
        pytest.param({HEADERS: "authorization=a%0d%0aX: b"}, None, id="two lines"),
        pytest.param({HEADERS: "autho rization=a"}, None, id="a space in the name"),
        pytest.param({HEADERS: "authorization=%ff"}, None, id="not UTF-8"),
    ],
)
def test_headers_are_sent(export: Export, variables: Mapping[str, str], header: str | None) -> None:
    exported = export({ENDPOINT: "SINK", **variables})

    assert exported.names == (ORDINARY, FAILED)
    assert exported.headers.get("authorization") == header


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({PROTOCOL: "http/protobuf"}, {"content-type": "application/x-protobuf"}),
        ({PROTOCOL: "http/json"}, {"content-type": "application/json"}),
        (
            {PROTOCOL: "http/json", COMPRESSION: "gzip"},
            {"content-type": "application/json", "content-encoding": "gzip"},
        ),
        ({COMPRESSION: "gzip"}, {"content-type": "application/x-protobuf", "content-encoding": "gzip"}),
        ({COMPRESSION: "deflate"}, {"content-encoding": "deflate"}),
        ({COMPRESSION: "none"}, {}),
        ({COMPRESSION: "zstd"}, {}),
        ({COMPRESSION: "gzip", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none"}, {}),
    ],
    ids=lambda value: " ".join(value.values()) if value else "none",
)
def test_protocol_and_compression_are_used(
    export: Export, variables: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    exported = export({ENDPOINT: "SINK", **variables})

    assert exported.names == (ORDINARY, FAILED)
    assert expected.items() <= exported.headers.items()
    assert ("content-encoding" in exported.headers) == ("content-encoding" in expected)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({NAME: "shop"}, {"service.name": "shop"}),
        (
            {RESOURCE: "service.name=a,deployment.environment.name=test"},
            {"service.name": "a", "deployment.environment.name": "test"},
        ),
        ({NAME: "shop", RESOURCE: "service.name=a"}, {"service.name": "shop"}),
        ({RESOURCE: "team=a%2Cb%3D,"}, {"team": "a,b="}),
        ({RESOURCE: "team=a, team = b"}, {"team": "b"}),
        ({RESOURCE: "team=a,nonsense"}, {"service.name": "lea-payments-webhook", "team": None}),
        ({RESOURCE: "=x"}, {"service.name": "lea-payments-webhook"}),
        ({RESOURCE: "team=%ff"}, {"team": None}),
        ({RESOURCE: "team=$(TEAM)"}, {"team": None}),
        ({POD: "k8s.pod.name=p,team=a", RESOURCE: "team=b"}, {"k8s.pod.name": "p", "team": "b"}),
        ({POD: "k8s.pod.name=p", RESOURCE: "nonsense"}, {"k8s.pod.name": "p"}),
        ({POD: "service.name=p", NAME: "shop"}, {"service.name": "shop"}),
    ],
)
def test_the_resource_names_what_is_set(
    export: Export, variables: Mapping[str, str], expected: Mapping[str, str | None]
) -> None:
    resource = export({ENDPOINT: "SINK", **variables}).resource

    assert {name: resource.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, 10.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "2500"}, 2.5),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1"}, 0.001),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "2s"}, 10.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "-1"}, 10.0),
        ({"OTEL_BSP_EXPORT_TIMEOUT": "3000"}, 3.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, 30.0),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0", "OTEL_BSP_EXPORT_TIMEOUT": "0"}, 86400.0),
    ],
)
def test_time_limits_are_in_milliseconds(variables: Mapping[str, str], seconds: float) -> None:
    assert read_tracing(variables).exporting.timeout_seconds == seconds


def test_json_has_every_kind_of_value(sink: OtlpSink) -> None:
    values: dict[str, Value] = {"text": "ü", "empty": "", "number": -(2**40), "share": 0.5, "yes": True, "no": False}
    sink.spans.clear()
    provider = provider_of(read_tracing({ENDPOINT: sink.endpoint, PROTOCOL: "http/json"}), "webhook")
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("parent") as parent:
        tracer.start_span("child", attributes=values, links=[trace.Link(parent.get_span_context())]).end()
    provider.shutdown()

    child, root = sink.spans
    assert (child.attributes, child.kind, root.parent) == (values, "internal", "")
    assert (child.parent, child.links) == (root.span_id, (root.context,))


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_a_span_that_cannot_be_encoded_costs_no_other(sink: OtlpSink, protocol: str) -> None:
    sink.spans.clear()
    dropped = SPANS_DROPPED._value.get()
    provider = provider_of(read_tracing({ENDPOINT: sink.endpoint, PROTOCOL: protocol}), "webhook")
    for library, name in (("one", "first"), ("two", "\ud800"), ("two", "second"), ("one", "third")):
        provider.get_tracer(library).start_span(name).end()
    provider.shutdown()

    assert sorted(span.name for span in sink.spans) == ["first", "second", "third"]
    assert SPANS_DROPPED._value.get() == dropped + 1


def test_spans_keep_to_the_limits(sink: OtlpSink, export: Export) -> None:
    export({ENDPOINT: "SINK", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3", "OTEL_SPAN_LINK_COUNT_LIMIT": "-1"})

    assert sink.spans[0].attributes == {"text": "123"}


@pytest.mark.parametrize(
    ("limits", "attributes"),
    [
        pytest.param({}, {"number": 1, "text": "12345"}, id="no limit"),
        pytest.param({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"}, {"number": 1, "text": "123"}, id="length"),
        pytest.param({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"}, {"text": "12345"}, id="number"),
    ],
)
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_recorded_spans_are_exported_within_the_limits(
    sink: OtlpSink, protocol: str, limits: Mapping[str, str], attributes: Mapping[str, Value]
) -> None:
    sink.spans.clear()
    provider = provider_of(read_tracing({ENDPOINT: sink.endpoint, PROTOCOL: protocol, **limits}), "webhook")
    assert isinstance(provider, Provider)
    given_attributes: dict[str, str | int] = {"number": 1, "text": "12345"}
    common = CommonParts("delivery", SpanKind.SERVER, {})
    provider.record(RecordedSpan(common, 1, 2, 3, 4, 5, given_attributes, (), failed=True))
    provider.shutdown()

    (span,) = sink.spans
    assert (span.name, span.kind, span.parent, span.failed) == ("delivery", "server", f"{3:016x}", True)
    assert span.attributes == attributes


def test_batches_fit_into_the_queue() -> None:
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "100"}
    too_large = {**small, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200"}

    assert read_tracing(small).batches[1:] == (100, 100)
    assert read_tracing(too_large).batches[1:] == (100, 100)
    assert problems(small) == {}
    assert list(problems(too_large)) == ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]


def test_certificates_are_read_before_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    authority = ssl.get_default_verify_paths().cafile
    paths = {"CERTIFICATE": "/nowhere.pem", "CLIENT_CERTIFICATE": str(tmp_path / "text"), "CLIENT_KEY": str(tmp_path)}
    wrong = {f"OTEL_EXPORTER_OTLP_{name}": path for name, path in paths.items()}

    assert read_tracing(wrong).exporting[5:] == ("", "", "")
    assert problems(wrong).keys() == wrong.keys()
    if authority is not None:
        right = {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": authority}
        assert read_tracing(right).exporting.authority_file == authority


INVALID = {
    ENDPOINT: "http://canary:many",
    TRACES_ENDPOINT: "canary:4318",
    PROTOCOL: "canary",
    TRACES_PROTOCOL: "canary",
    HEADERS: "authorization: canary",
    TRACES_HEADERS: "canary",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "canary",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1s",
    COMPRESSION: "zstd",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "canary",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/canary.pem",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "/canary.pem",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/canary.pem",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/canary.pem",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/canary.pem",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "/canary.pem",
    "OTEL_TRACES_EXPORTER": "canary",
    SAMPLER: "canary",
    ARG: "endpoint=canary",
    RESOURCE: "canary",
    POD: "canary",
    "OTEL_SDK_DISABLED": "canary",
    "OTEL_PROPAGATORS": "b3",
    **{
        f"OTEL_BSP_{name}": "canary"
        for name in ("SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")
    },
    **{name.upper(): "canary" for name in OtelVariables.model_fields if name.endswith("limit")},
    "OTEL_CONFIG_FILE": "canary",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "canary",
}
READ_BY_THE_SDK = {
    "OTEL_PYTHON_TRACER_PROVIDER": "canary",
    "OTEL_PYTHON_CONTEXT": "canary",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "canary",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "canary",
}
"""Variables that the services do not read, on which OpenTelemetry's packages fail."""


def test_every_invalid_variable_is_named_once() -> None:
    reported = [problem.variable for problem in read_tracing(INVALID).problems]

    assert INVALID.keys() == {name.upper() for name in OtelVariables.model_fields} - {NAME}
    assert sorted(reported) == sorted(INVALID)
    assert "canary" not in str(problems(INVALID))


@given(st.dictionaries(st.sampled_from(sorted(INVALID)), st.text(max_size=30)))
@settings(max_examples=examples(50, 2000))
def test_no_value_raises_an_error(variables: Mapping[str, str]) -> None:
    tracing = read_tracing(variables)

    assert not re.search("/v1/traces/+v1/traces", tracing.exporting.endpoint)
    assert {problem.variable for problem in tracing.problems} <= variables.keys()


def test_invalid_variables_stop_no_service(
    table_settings: TableSettings, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """The packages read some variables at their import, so the service must not be forked."""
    of_table = {"DDB_ENDPOINT": table_settings.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": table_settings.table}
    with Services(tmp_path, free_port, of_table) as services:
        webhook = services.start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **{**INVALID, **READ_BY_THE_SDK})
        with httpx.Client(base_url=webhook.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
            answer = Delivery.of(completed("payment_1")).to(client)

    lines = [json.loads(line) for line in webhook.log.read_text().splitlines()]
    ignored = [line["variable"] for line in lines if line["event"] == "telemetry_setting_ignored"]
    assert answer.status == 200
    assert sorted(ignored) == sorted(INVALID)
    assert "canary" not in webhook.log.read_text()


def test_a_service_reports_over_the_variables(start: Callable[..., Process], sink: OtlpSink) -> None:
    variables = {PROTOCOL: "http/json", COMPRESSION: "gzip", RESOURCE: "team=payments", SAMPLER: "always_on"}
    webhook = start(
        "webhook", STRIPE_WEBHOOK_SECRET=SECRET, **{TRACES_ENDPOINT: f"{sink.endpoint}/spans "}, **variables
    )
    with httpx.Client(base_url=webhook.url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
        assert Delivery.of(completed("payment_2")).to(client).status == 200
    webhook.stop()

    assert '"tracing":true' in webhook.log.read_text()
    assert sink.requests[-1] == "/spans"
    assert sink.headers["content-type"] == "application/json"
    assert sink.with_name("POST /webhook/stripe")[-1].resource["team"] == "payments"
