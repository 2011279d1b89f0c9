from collections.abc import AsyncIterator, Iterator, Mapping

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lea_payments.serving.request_span import RequestSpan
from tests.support.recorded_spans import recorded_spans, span_named

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"}


async def user(_: Request) -> Response:
    return Response()


async def unavailable(_: Request) -> Response:
    return Response(status_code=503)


async def broken(_: Request) -> Response:
    raise KeyError("a bug")


async def livez(_: Request) -> Response:
    return Response()


ROUTES = [
    Route("/users/{id}", user),
    Route("/unavailable", unavailable),
    Route("/broken", broken),
    Route("/livez", livez),
]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


def _client(*, trusts_caller: bool) -> httpx.AsyncClient:
    app = RequestSpan(Starlette(routes=ROUTES), trusts_caller=trusts_caller)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture
async def trusting() -> AsyncIterator[httpx.AsyncClient]:
    async with _client(trusts_caller=True) as client:
        yield client


@pytest.fixture
async def untrusting() -> AsyncIterator[httpx.AsyncClient]:
    async with _client(trusts_caller=False) as client:
        yield client


def _attributes(span: ReadableSpan) -> Mapping[str, object]:
    return dict(span.attributes or {})


async def test_a_span_names_the_route_not_the_path(trusting: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    await trusting.get("/users/someone@example.com?name=someone")

    span = span_named(exporter, "GET /users/{id}")
    assert span.kind is SpanKind.SERVER
    assert _attributes(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/users/{id}",
    }
    assert "someone" not in span.to_json()


async def test_an_unknown_path_and_method_are_not_in_the_span(
    trusting: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    await trusting.request("PROPFIND", "/someone@example.com")

    span = span_named(exporter, "HTTP")
    assert _attributes(span) == {"http.request.method": "HTTP", "http.response.status_code": 404}


async def test_probes_have_no_span(trusting: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    await trusting.get("/livez")

    assert exporter.get_finished_spans() == ()


async def test_a_trusted_caller_is_the_parent(trusting: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    await trusting.get("/users/1", headers=SAMPLED)

    parent = span_named(exporter, "GET /users/{id}").parent
    assert parent is not None
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (TRACE_ID, SPAN_ID)


async def test_the_trace_of_an_untrusted_caller_is_not_joined(
    untrusting: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    await untrusting.get("/users/1", headers=SAMPLED)

    span = span_named(exporter, "GET /users/{id}")
    assert span.parent is None
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" != TRACE_ID


@pytest.mark.parametrize(("path", "status"), [("/unavailable", 503), ("/broken", 500)])
async def test_a_server_error_fails_the_span(
    trusting: httpx.AsyncClient, exporter: InMemorySpanExporter, path: str, status: int
) -> None:
    await trusting.get(path)

    span = span_named(exporter, f"GET {path}")
    assert span.status.status_code is StatusCode.ERROR
    assert _attributes(span)["error.type"] == str(status)
    assert _attributes(span)["http.response.status_code"] == status


async def test_an_error_is_kept_although_its_trace_is_not(
    trusting: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    await trusting.get("/users/1", headers=UNSAMPLED)
    await trusting.get("/unavailable", headers=UNSAMPLED)

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.parent) == ("GET /unavailable", None)


async def test_a_flood_of_client_errors_has_few_spans(
    trusting: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    for _ in range(100):
        await trusting.get("/nothing")
    await trusting.get("/users/1")

    assert len(exporter.get_finished_spans()) < 50
    assert span_named(exporter, "GET /users/{id}")
