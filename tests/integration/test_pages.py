import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NoReturn

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lea_payments.pages.app import create_app
from lea_payments.payment.record import Payment, Status
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.items import Item, item_of
from tests.support.parts import Part

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

Put = Callable[..., str]
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def pages(start_part: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start_part("pages"), timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def put_item(table_settings: TableSettings) -> Iterator[Callable[[Item], None]]:
    """Yield a function that writes a record as it is."""
    client = connection.client(table_settings)

    def put(item: Item) -> None:
        client.put_item(TableName=table_settings.table, Item=item)

    yield put
    client.close()


@pytest.fixture(scope="module")
def put(put_item: Callable[[Item], None]) -> Put:
    """Return `put(session, status, rank, **fields)`, which writes a record and returns the address of its page."""

    def put_record(session: str, status: Status = Status.COMPLETED, rank: int = 50, **fields: str | int | None) -> str:
        known = {"amount": 12850, "currency": "SGD", "product_name": "Trip to Japan", **fields}
        record = Payment(
            payment_intent_id=f"payment_{session}",
            user_id="user_canary",
            quote_id="quote_canary",
            stripe_session_id=f"cs_test_{session}",
            stripe_payment_intent="pi_canary",
            payment_status=status,
            status_rank=rank,
            **known,  # type: ignore[arg-type]
        )
        put_item(item_of(record))
        return f"/success?session_id=cs_test_{session}"

    return put_record


def heading(page: httpx.Response) -> str:
    found = re.search("<h1>(.*?)</h1>", page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("status", "rank", "says"),
    [
        (Status.COMPLETED, 50, "Payment received"),
        (Status.PENDING, 0, "Confirming your payment"),
        (Status.PENDING, 30, "Your payment is on its way"),
        (Status.PENDING, 45, "We are checking your payment"),
        (Status.FAILED, 10, "Payment not completed"),
        (Status.FAILED, 40, "Payment not completed"),
        (Status.EXPIRED, 20, "This payment link has expired"),
    ],
)
def test_the_success_page_says_how_the_payment_stands(
    pages: httpx.Client, put: Put, status: Status, rank: int, says: str
) -> None:
    page = pages.get(put(f"state{rank}", status, rank))

    assert page.status_code == 200
    assert heading(page) == says
    assert f"<title>{says} ·" in page.text


def test_a_paid_page_shows_what_was_paid_for_and_stands_still(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("paid", amount_refunded=2850))

    for fact in ("Trip to Japan", "SGD\xa0128.50", "SGD\xa028.50", "payment_paid"):
        assert fact in page.text
    assert "refresh" not in page.headers
    assert "http-equiv" not in page.text


def test_a_page_tells_nothing_of_the_user(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("private", Status.PENDING, 45, status_reason="amount_mismatch"))

    assert "canary" not in page.text
    assert "mismatch" not in page.text
    assert "128.50" not in page.text


def test_a_record_put_by_hand_with_a_few_fields_is_shown(pages: httpx.Client, put_item: Callable[[Item], None]) -> None:
    item = {"payment_intent_id": "payment_bare", "stripe_session_id": "cs_test_bare", "payment_status": "completed"}
    put_item({name: {"S": value} for name, value in item.items()})

    assert heading(pages.get("/success?session_id=cs_test_bare")) == "Payment received"


@pytest.mark.parametrize(("amount", "currency"), [(-1, "SGD"), (100, "dollars"), (100, None), (None, "SGD")])
def test_an_amount_that_makes_no_sense_is_left_out(
    pages: httpx.Client, put: Put, amount: int | None, currency: str | None
) -> None:
    page = pages.get(put("odd", amount=amount, currency=currency))

    assert heading(page) == "Payment received"
    assert "Amount" not in page.text


def test_a_product_name_is_text_and_never_markup(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("markup", product_name='<img src="//evil.example">'))

    assert "<img" not in page.text
    assert "&lt;img" in page.text


def test_the_next_look_sees_what_changed_in_between(pages: httpx.Client, put: Put) -> None:
    first = pages.get(put("moves", Status.PENDING, 0))
    put("moves")
    seconds, address = first.headers["refresh"].split("; url=")

    assert int(seconds) <= 10
    assert heading(pages.get(f"/success{address}")) == "Payment received"


def test_an_unknown_session_is_confirming_for_a_minute_and_then_not_found(pages: httpx.Client) -> None:
    first = pages.get("/success?session_id=cs_test_unknown")
    began = int(first.headers["refresh"].rpartition("since=")[2])
    later = pages.get(f"/success?session_id=cs_test_unknown&since={began - 60}")

    assert (first.status_code, heading(first)) == (200, "Confirming your payment")
    assert (later.status_code, heading(later)) == (404, "We cannot find this payment")
    assert "refresh" not in later.headers


@pytest.mark.parametrize("query", ["", "?session_id=", "?session_id={CHECKOUT_SESSION_ID}", "?session_id=<script>"])
def test_a_malformed_session_is_a_friendly_404_at_once(pages: httpx.Client, query: str) -> None:
    page = pages.get(f"/success{query}")

    assert (page.status_code, heading(page)) == (404, "We cannot find this payment")
    assert "refresh" not in page.headers
    assert "script" not in page.text


def test_a_customer_can_stop_the_refreshing(pages: httpx.Client, put: Put) -> None:
    first = pages.get(put("stopped", Status.PENDING, 0))
    stop = re.search('<a href="(.*?)">Stop updating by itself</a>', first.text)
    assert stop is not None
    stopped = pages.get("/success" + stop[1].replace("&amp;", "&"))

    assert "refresh" in first.headers
    assert "refresh" not in stopped.headers
    assert "This page does not update itself." in stopped.text


def test_the_cancel_page_says_that_nothing_was_charged(pages: httpx.Client, put: Put) -> None:
    put("left", Status.PENDING, 0)
    page = pages.get("/cancel?session_id=cs_test_left")

    assert (page.status_code, heading(page)) == (200, "Payment cancelled")
    assert "nothing was charged" in page.text
    assert "payment_left" not in page.text


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/success/", "/succes", "/favicon.ico"])
def test_any_other_path_is_a_friendly_404(pages: httpx.Client, path: str) -> None:
    page = pages.get(path)

    assert (page.status_code, heading(page)) == (404, "There is no such page")


def test_a_page_takes_no_form(pages: httpx.Client) -> None:
    page = pages.post("/success?session_id=cs_test_a")

    assert page.status_code == 405
    assert set(page.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert heading(page) == "There is no such page"


@pytest.mark.parametrize("path", ["/success?session_id=cs_test_new", "/success", "/cancel", "/nothing"])
def test_every_page_is_private_and_cannot_be_framed(pages: httpx.Client, path: str) -> None:
    headers = pages.get(path).headers
    policy = headers["content-security-policy"].split("; ")

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} < set(policy)
    assert "unsafe" not in headers["content-security-policy"]
    assert not {"set-cookie", "server", "access-control-allow-origin"} & set(headers)


@pytest.mark.parametrize("path", ["/success?session_id=cs_test_head", "/success", "/cancel", "/nothing"])
def test_head_answers_like_get_without_a_body(pages: httpx.Client, path: str) -> None:
    head, got = pages.head(path), pages.get(path)

    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.content == b""


@pytest.mark.parametrize(
    ("asked", "tag", "says"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans", "已收到付款"),
        ("ms-MY,ms;q=0.9,en;q=0.8", "ms", "Pembayaran diterima"),
        ("ta-SG", "ta", "பணம் பெறப்பட்டது"),
        ("fr-FR", "en", "Payment received"),
    ],
)
def test_a_page_speaks_the_readers_language(pages: httpx.Client, put: Put, asked: str, tag: str, says: str) -> None:
    page = pages.get(put("spoken"), headers={"Accept-Language": asked})

    assert heading(page) == says
    assert page.headers["content-language"] == tag
    assert page.headers["vary"] == "Accept-Language"
    assert f'<html lang="{tag}">' in page.text


class BrokenStore:
    """A store with a bug."""

    async def by_session(self, session_id: str) -> NoReturn:
        raise KeyError(session_id)

    async def ping(self) -> None:
        """Never asked."""

    def close(self) -> None:
        """Nothing to close."""


async def test_a_bug_of_ours_is_a_friendly_page() -> None:
    app = create_app(BrokenStore())  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pages") as customer:
        page = await customer.get("/success?session_id=cs_test_bug")

    assert (page.status_code, heading(page)) == (500, "We cannot show your payment at the moment")
    assert page.headers["cache-control"] == "no-store"


def test_odd_values_put_by_hand_are_no_hindrance(
    start_part: Callable[..., str], put_item: Callable[[Item], None]
) -> None:
    item = {"payment_intent_id": {"S": "payment_odd"}, "stripe_session_id": {"S": "cs_test_odd"}}
    put_item(
        {**item, "history": {"L": [{"S": "no entry"}]}, "dispute_status": {"S": "odd"}, "amount": {"S": "Infinity"}}
    )

    assert httpx.get(f"{start_part('pages')}/success?session_id=cs_test_odd").status_code == 200


def test_without_the_table_a_page_says_so_and_looks_again(
    start_part: Callable[..., str], free_port: Callable[[], int]
) -> None:
    url = start_part("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    page = httpx.get(f"{url}/success?session_id=cs_test_a&since=1")

    assert (page.status_code, heading(page)) == (503, "We cannot show your payment at the moment")
    assert page.headers["retry-after"] == "10"
    assert page.headers["refresh"] == "10; url=?session_id=cs_test_a"
    assert httpx.get(f"{url}/cancel").status_code == 200


def test_with_a_table_that_never_answers_a_page_comes_within_three_seconds(start_part: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = start_part("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        page = httpx.get(f"{url}/success?session_id=cs_test_a")

    assert page.status_code == 503
    assert time.monotonic() - started < 3


def test_views_are_counted_once_and_a_head_is_no_view(
    start_part: Callable[..., str], free_port: Callable[[], int], put: Put
) -> None:
    port = free_port()
    url = start_part("pages", METRICS_PORT=str(port))
    for path in (put("counted"), "/cancel", "/nothing"):
        httpx.get(url + path)
        httpx.head(url + path)
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    seen = set(re.findall(r'payments_page_views_total\{page="(\w+)",status="(\w+)"\} 1\.0', metrics))
    assert seen == {("success", "completed"), ("cancel", "shown"), ("other", "not_found")}


class Collector:
    """Takes the spans that a part sends."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        taken = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    taken.extend(span for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def test_a_view_is_linked_to_the_trace_of_its_checkout(
    start: Callable[..., Part], put: Put, collector: Collector
) -> None:
    part = start("pages", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    httpx.get(part.url + put("traced", traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01"))
    part.stop()

    span = next(span for span in collector.spans if span.name == "GET /success")
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [(TRACE_ID, SPAN_ID)]
    assert (span.trace_id.hex() == TRACE_ID, span.parent_span_id) == (False, b"")
    assert "cs_test" not in str(span)
