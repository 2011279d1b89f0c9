"""The traces of one payment, from its creation to its page, found by the payment's id."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support import faulty_dynamodb as faulty
from tests.support.checkout_calls import SECRETS, asked, checkout_api
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.processes import Process
from tests.support.shop import Shop, shop
from tests.support.stories import story_of
from tests.support.waiting import until

SPANS = {
    ("lea-payments-checkout", "POST /payments", "server"),
    ("lea-payments-checkout", "PutItem", "client"),
    ("lea-payments-checkout", "POST /v1/checkout/sessions", "client"),
    ("lea-payments-checkout", "UpdateItem", "client"),
    ("lea-payments-webhook", "POST /webhook/stripe", "server"),
    ("lea-payments-webhook", "payments.apply", "internal"),
    ("lea-payments-webhook", "BatchExecuteStatement", "client"),
    ("lea-payments-pages", "GET /success", "server"),
    ("lea-payments-pages", "Query", "client"),
    ("lea-payments-pages", "GetItem", "client"),
}
"""The spans of a payment that is completed at the first attempt: service, name and kind."""


@pytest.fixture(scope="module")
def sink(free_port: Callable[[], int]) -> Iterator[OtlpSink]:
    with OtlpSink(free_port()) as sink:
        yield sink


@pytest.fixture(scope="module")
def open_shop(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str, sink: OtlpSink
) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("shop"), free_port, dynamodb_endpoint, sink) as one:
        yield one


def _kinds(story: list[Span]) -> set[tuple[str, str, str]]:
    return {(str(span.resource["service.name"]), span.name, span.kind) for span in story}


def _complete_story(sink: OtlpSink, payment_id: str) -> list[Span]:
    """The story once all its spans have arrived: each service exports them in its own time."""

    def complete() -> list[Span]:
        story = story_of(sink.spans, payment_id)
        assert _kinds(story) >= SPANS, _kinds(story)
        return story

    return until(complete, f"all spans of {payment_id}")


def test_the_spans_of_a_payment_are_joined(open_shop: Shop, sink: OtlpSink) -> None:
    sale, another = open_shop.sold(), open_shop.sold()

    story = _complete_story(sink, sale.payment_id)
    assert _kinds(story) == SPANS
    ids = {span.attributes.get("payments.payment.id") for span in story} - {None}
    assert ids == {sale.payment_id}
    assert another.payment_id not in ids


def test_page_and_delivery_are_linked_to_the_checkout(open_shop: Shop, sink: OtlpSink) -> None:
    sale = open_shop.sold()

    story = {span.name: span for span in _complete_story(sink, sale.payment_id)}
    created, page, delivery = (story[name] for name in ("POST /payments", "GET /success", "POST /webhook/stripe"))
    assert page.links == delivery.links == (created.place,)
    assert len({page.trace_id, delivery.trace_id, created.trace_id}) == 3
    assert story["Query"].parent == story["GetItem"].parent == page.span_id
    assert story["POST /v1/checkout/sessions"].parent == created.span_id
    assert created.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/payments",
        "payments.payment.id": sale.payment_id,
    }


def test_a_story_with_a_missing_link_is_not_joined(open_shop: Shop, sink: OtlpSink) -> None:
    sale = open_shop.sold()
    story = _complete_story(sink, sale.payment_id)

    unlinked = [span._replace(links=()) for span in story]
    with pytest.raises(AssertionError, match="not joined"):
        story_of(unlinked, sale.payment_id)


@pytest.fixture
def checkout(start: Callable[..., Process], open_shop: Shop, sink: OtlpSink) -> Callable[..., Process]:
    telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return lambda **env: start("checkout", **{**telemetry, "STRIPE_API_BASE": open_shop.account.url, **SECRETS, **env})


def test_failures_of_the_api_are_kept_without_sampling(
    checkout: Callable[..., Process], sink: OtlpSink, free_port: Callable[[], int]
) -> None:
    no_stripe = f"http://127.0.0.1:{free_port()}"
    before = len(sink.spans)
    service = checkout(OTEL_TRACES_SAMPLER_ARG="0", STRIPE_API_BASE=no_stripe)
    with checkout_api(service.url) as api:
        assert api.get("/payments/payment_none").status_code == 404
        assert api.post("/payments", json=asked()).status_code == 502
    service.stop()

    (failed,) = [span for span in sink.spans[before:] if span.resource["service.name"] == "lea-payments-checkout"]
    assert (failed.name, failed.failed, failed.attributes["error.type"]) == ("POST /payments", True, "502")


def test_a_call_joins_its_callers_trace(checkout: Callable[..., Process], sink: OtlpSink) -> None:
    service = checkout()
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with checkout_api(service.url) as api:
        api.get("/payments?user_id=someone", headers=caller)
        api.get("/livez")
        api.request("PROPFIND", "/payments/someone@example.com")
        api.get("/a/path/of/someone@example.com")
    service.stop()

    span = next(
        span for span in sink.spans if span.trace_id == "0af7651916cd43dd8448eb211c80319c" and span.kind == "server"
    )
    assert (span.name, span.parent) == ("GET /payments", "b7ad6b7169203331")
    assert "someone" not in sink.raw
    assert not [span for span in sink.spans if "livez" in span.name]


def test_a_failed_page_is_kept_without_sampling(start: Callable[..., Process], open_shop: Shop, sink: OtlpSink) -> None:
    telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_TRACES_SAMPLER_ARG": "0"}
    service = start("pages", DDB_ENDPOINT=open_shop.dynamodb.endpoint, **telemetry)
    open_shop.dynamodb.fault = faulty.refusing(400, "ThrottlingException")
    before = len(sink.spans)
    answer = httpx.get(f"{service.url}/success?session_id=cs_test_a")
    open_shop.dynamodb.fault = faulty.healthy
    service.stop()

    (page,) = (span for span in sink.spans[before:] if span.kind != "internal")
    assert answer.status_code == 503
    assert (page.name, page.attributes["error.type"], page.parent) == ("GET /success", "503", "")
