"""Checks that one trace leads from a tool call over checkout to Stripe, and that delivery and page are linked to it."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from mcp import types

from tests.support import mcp_server
from tests.support.mcp_server import http_client, link_arguments, payment_in, pays_with, stdio_client
from tests.support.otlp_sink import OtlpSink, Span, spans_of_payment
from tests.support.processes import Process
from tests.support.simulation import TOKEN, Simulation
from tests.support.waiting import until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
META: types.RequestParamsMeta = {"traceparent": f"00-{TRACE}-{PARENT}-01"}  # type: ignore[typeddict-unknown-key]
TOOL = ("lea-payments-mcp", "tools/call collect_payment", "server")
IN_ONE_TRACE = [
    TOOL,
    ("lea-payments-mcp", "POST /payments", "client"),
    ("lea-payments-checkout", "POST /payments", "server"),
    ("lea-payments-checkout", "POST /v1/checkout/sessions", "client"),
]
"""The spans from the tool call to the call of Stripe: service, name and kind."""

LINKED = [
    ("lea-payments-webhook", "POST /webhook/stripe", "server"),
    ("lea-payments-pages", "GET /success", "server"),
    ("lea-payments-notifier", "notification.send", "client"),
]
"""The spans in traces of their own, which are linked to checkout's span."""


@pytest.fixture(scope="module")
def variables(simulation: Simulation, sink: OtlpSink) -> Mapping[str, str]:
    telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return mcp_server.settings(simulation.services["checkout"].url, PAYMENTS_API_TOKEN=TOKEN) | telemetry


@pytest.fixture(scope="module")
def server(start: Callable[..., Process], variables: Mapping[str, str]) -> str:
    return start("mcp", **variables, **mcp_server.OF_AGENTS).url


def names(spans: list[Span]) -> list[tuple[str, str, str]]:
    return [(str(span.resource["service.name"]), span.name, span.kind) for span in spans]


def story(sink: OtlpSink, payment_id: str) -> list[Span]:
    """Waits until all services have exported their spans of the payment."""

    def complete() -> list[Span]:
        spans = spans_of_payment(sink.spans, payment_id)
        assert {*names(spans)} >= {*IN_ONE_TRACE, *LINKED}, names(spans)
        return spans

    return until(complete, f"all spans of {payment_id}")


def span_of(spans: list[Span], name: tuple[str, str, str]) -> Span:
    return next(span for span in spans if names([span]) == [name])


@pytest.mark.parametrize("meta", [META, None], ids=["agent's trace", "own trace"])
async def test_a_sale_is_one_connected_story(
    simulation: Simulation, server: str, sink: OtlpSink, meta: types.RequestParamsMeta | None
) -> None:
    def pay(link: str) -> None:
        session = link.rpartition("/")[2]
        simulation.account.pay_without_waiting(session)
        simulation.open_page(f"/success?session_id={session}")

    async with http_client(server, elicitation_callback=pays_with(pay)) as client:
        payment = payment_in(await client.call_tool("collect_payment", link_arguments(), meta=meta))
    spans = await asyncio.to_thread(story, sink, payment["payment_id"])

    checkout = span_of(spans, IN_ONE_TRACE[2])
    together = [span for span in spans if span.trace_id == checkout.trace_id]
    assert {*names(together)} >= {*IN_ONE_TRACE}
    for child, parent in ((3, 2), (2, 1)):
        assert span_of(together, IN_ONE_TRACE[child]).parent == span_of(together, IN_ONE_TRACE[parent]).span_id
    assert (checkout.trace_id == TRACE) == (meta is not None)
    for name in LINKED:
        assert checkout.context in span_of(spans, name).links


async def test_a_desktop_program_has_the_same_trace(variables: Mapping[str, str], sink: OtlpSink) -> None:
    async with stdio_client(variables) as client:
        payment = payment_in(await client.call_tool("create_payment_link", link_arguments()))

    def checkout() -> Span:
        spans = sink.with_name("POST /payments", payments__payment__id=payment["payment_id"])
        return span_of(spans, IN_ONE_TRACE[2])

    trace = (await asyncio.to_thread(until, checkout, "checkout's span")).trace_id
    tool = await asyncio.to_thread(
        sink.one, "tools/call create_payment_link", payments__payment__id=payment["payment_id"]
    )
    assert tool.trace_id == trace


async def test_spans_of_tools_have_no_personal_data(server: str, sink: OtlpSink) -> None:
    person = "Tan Ah Kow S1234567D"
    async with http_client(server) as client:
        arguments = link_arguments(user_id=person, product_name=f"For {person}")
        payment = payment_in(await client.call_tool("create_payment_link", arguments))
        await client.call_tool("payment_status", {"payment_id": person})

    await asyncio.to_thread(sink.one, "tools/call create_payment_link", payments__payment__id=payment["payment_id"])
    assert "Tan Ah Kow" not in sink.raw
