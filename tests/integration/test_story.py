"""One payment's story in traces: made, paid, written, looked at; found by its id alone."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support import faulty_dynamodb as faulty
from tests.support.checkout_calls import SECRETS, asked, checkout_api
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.parts import Part
from tests.support.shop import Shop, shop
from tests.support.stories import story_of

FIRST = {
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
"""What a payment that goes well consists of."""


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


def _whole(sink: OtlpSink, payment_id: str) -> list[Span]:
    """The story, waited for: each part sends its spans when it likes."""
    deadline = time.monotonic() + 20
    while True:
        try:
            story = story_of(sink.spans, payment_id)
        except AssertionError:
            story = []
        if _kinds(story) >= FIRST or time.monotonic() > deadline:
            return story
        time.sleep(0.1)


def test_a_payment_is_one_story_from_its_link_to_its_page(open_shop: Shop, sink: OtlpSink) -> None:
    sale, another = open_shop.sold(), open_shop.sold()

    story = _whole(sink, sale.payment_id)
    assert _kinds(story) == FIRST
    ids = {span.attributes.get("payments.payment.id") for span in story} - {None}
    assert ids == {sale.payment_id}
    assert another.payment_id not in ids


def test_the_page_and_the_delivery_hang_on_the_call_that_made_the_link(open_shop: Shop, sink: OtlpSink) -> None:
    sale = open_shop.sold()

    story = {span.name: span for span in _whole(sink, sale.payment_id)}
    made, page, delivery = (story[name] for name in ("POST /payments", "GET /success", "POST /webhook/stripe"))
    assert page.links == delivery.links == (made.place,)
    assert len({page.trace_id, delivery.trace_id, made.trace_id}) == 3
    assert story["Query"].parent == story["GetItem"].parent == page.span_id
    assert story["POST /v1/checkout/sessions"].parent == made.span_id
    assert made.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/payments",
        "payments.payment.id": sale.payment_id,
    }


def test_an_unbroken_story_is_asked_for_in_vain_where_a_link_is_missing(open_shop: Shop, sink: OtlpSink) -> None:
    sale = open_shop.sold()
    story = _whole(sink, sale.payment_id)

    unlinked = [span._replace(links=()) for span in story]
    with pytest.raises(AssertionError, match="not joined"):
        story_of(unlinked, sale.payment_id)


@pytest.fixture
def checkout(start: Callable[..., Part], open_shop: Shop, sink: OtlpSink) -> Callable[..., Part]:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return lambda **env: start("checkout", **{**told, "STRIPE_API_BASE": open_shop.account.url, **SECRETS, **env})


def test_with_a_sampling_share_of_zero_the_api_still_tells_of_its_failures(
    checkout: Callable[..., Part], sink: OtlpSink, free_port: Callable[[], int]
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    before = len(sink.spans)
    part = checkout(OTEL_TRACES_SAMPLER_ARG="0", STRIPE_API_BASE=nowhere)
    with checkout_api(part.url) as api:
        assert api.get("/payments/payment_none").status_code == 404
        assert api.post("/payments", json=asked()).status_code == 502
    part.stop()

    (failed,) = [span for span in sink.spans[before:] if span.resource["service.name"] == "lea-payments-checkout"]
    assert (failed.name, failed.failed, failed.attributes["error.type"]) == ("POST /payments", True, "502")


def test_a_call_joins_its_callers_trace_and_health_is_in_none(checkout: Callable[..., Part], sink: OtlpSink) -> None:
    part = checkout()
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with checkout_api(part.url) as api:
        api.get("/payments?user_id=someone", headers=caller)
        api.get("/livez")
        api.request("PROPFIND", "/payments/someone@example.com")
        api.get("/a/path/of/someone@example.com")
    part.stop()

    listed = next(
        span for span in sink.spans if span.trace_id == "0af7651916cd43dd8448eb211c80319c" and span.kind == "server"
    )
    assert (listed.name, listed.parent) == ("GET /payments", "b7ad6b7169203331")
    assert "someone" not in sink.raw
    assert not [span for span in sink.spans if "livez" in span.name]


def test_a_failed_look_at_the_table_is_a_failed_page_in_a_trace_that_is_kept(
    start: Callable[..., Part], open_shop: Shop, sink: OtlpSink
) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_TRACES_SAMPLER_ARG": "0"}
    part = start("pages", DDB_ENDPOINT=open_shop.dynamodb.endpoint, **told)
    open_shop.dynamodb.fault = faulty.refusing(400, "ThrottlingException")
    before = len(sink.spans)
    answer = httpx.get(f"{part.url}/success?session_id=cs_test_a")
    open_shop.dynamodb.fault = faulty.healthy
    part.stop()

    (page,) = (span for span in sink.spans[before:] if span.kind != "internal")
    assert answer.status_code == 503
    assert (page.name, page.attributes["error.type"], page.parent) == ("GET /success", "503", "")
