"""Requests the success and cancel pages for every status of a payment."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lea_payments.payment.record import iso
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.items import Item, attributes_of
from tests.support.otlp_sink import OtlpSink
from tests.support.page_records import page_record, session_id_of
from tests.support.processes import Process

Put = Callable[..., str]
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def pages(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start_service("pages"), timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def put_item(table_settings: TableSettings) -> Iterator[Callable[[Item], None]]:
    """Yield a function that writes an item to the table."""
    client = connection.client(table_settings)

    def put(item: Item) -> None:
        client.put_item(TableName=table_settings.table, Item=item)

    yield put
    client.close()


@pytest.fixture(scope="module")
def put(put_item: Callable[[Item], None]) -> Put:
    """Return `put(name, state, **fields)`, which writes a record and returns the URL of its page."""

    def put_record(name: str, state: str = "completed", **fields: str | int | None) -> str:
        put_item(attributes_of(page_record(name, state, **fields)))
        return f"/success?session_id={session_id_of(name)}"

    return put_record


def heading(page: httpx.Response) -> str:
    match = re.search("<h1>(.*?)</h1>", page.text)
    assert match is not None
    return match[1]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("completed", "Payment received"),
        ("free", "Your order is complete"),
        ("confirming", "Confirming your payment"),
        ("awaiting", "Your payment is on its way"),
        ("review", "We are checking your payment"),
        ("review_unpaid", "We are checking your payment"),
        ("declined", "Payment not completed"),
        ("failed", "Payment not completed"),
        ("failed_replaced", "Payment not completed"),
        ("expired", "This payment link has expired"),
        ("expired_replaced", "This payment link has expired"),
    ],
)
def test_the_success_page_shows_the_status(pages: httpx.Client, put: Put, state: str, text: str) -> None:
    page = pages.get(put(state.replace("_", ""), state))

    assert page.status_code == 200
    assert heading(page) == text
    assert f"<title>{text} ·" in page.text


def test_a_paid_page_shows_the_payment_and_is_final(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("paid", "refunded", product_name="Trip to Japan"))

    for text in ("Trip to Japan", "SGD\xa0128.50", "payment_paid"):
        assert text in page.text
    assert "refresh" not in page.headers
    assert "http-equiv" not in page.text


def test_a_page_shows_refunds_by_their_states(pages: httpx.Client, put: Put) -> None:
    text = pages.get(put("refunds", "refunded")).text.replace("\xa0", " ")

    assert "<dt>Refunded</dt><dd>SGD 28.50</dd>" in text
    assert "A refund of SGD 10.00 is on its way." in text
    assert "A refund of SGD 5.00 failed." in text


@pytest.mark.parametrize(
    ("status", "rank", "text"),
    [
        ("completed", "50", "Payment received"),
        ("pending", "30", "Your payment is on its way"),
        ("pending", "45", "We are checking your payment"),
        ("failed", "10", "Payment not completed"),
        ("expired", "20", "This payment link has expired"),
    ],
)
def test_a_record_of_the_former_version_is_shown(
    pages: httpx.Client, put_item: Callable[[Item], None], status: str, rank: str, text: str
) -> None:
    put_item(
        {
            "payment_intent_id": {"S": f"payment_old{rank}"},
            "stripe_session_id": {"S": f"cs_test_old{rank}"},
            "payment_status": {"S": status},
            "status_rank": {"N": rank},
            "amount": {"N": "12850"},
            "currency": {"S": "sgd"},
        }
    )

    assert heading(pages.get(f"/success?session_id=cs_test_old{rank}")) == text


def test_a_page_shows_nothing_about_the_user(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("private", "review"))

    assert "canary" not in page.text
    assert "mismatch" not in page.text
    assert "128.50" not in page.text


def test_a_record_with_few_fields_is_shown(pages: httpx.Client, put_item: Callable[[Item], None]) -> None:
    item = {"payment_intent_id": "payment_bare", "stripe_session_id": "cs_test_bare", "payment_status": "completed"}
    put_item({name: {"S": value} for name, value in item.items()})

    assert heading(pages.get("/success?session_id=cs_test_bare")) == "Payment received"


@pytest.mark.parametrize(
    ("amount", "currency"), [("-1", "SGD"), ("100", "dollars"), ("100", None), (None, "SGD"), ("1.5", "SGD")]
)
def test_an_invalid_amount_is_not_shown(
    pages: httpx.Client, put_item: Callable[[Item], None], amount: str | None, currency: str | None
) -> None:
    item = {"payment_intent_id": {"S": "payment_amount"}, "stripe_session_id": {"S": "cs_test_amount"}}
    fields = {"amount": amount and {"N": amount}, "currency": currency and {"S": currency}}
    put_item({**item, "payment_status": {"S": "completed"}, **{name: value for name, value in fields.items() if value}})
    page = pages.get("/success?session_id=cs_test_amount")

    assert heading(page) == "Payment received"
    assert "Amount" not in page.text


def test_a_product_name_is_escaped(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("markup", product_name='<img src="//evil.example">'))

    assert "<img" not in page.text
    assert "&lt;img" in page.text


def test_a_refresh_shows_the_new_status(pages: httpx.Client, put: Put) -> None:
    first = pages.get(put("moves", "confirming"))
    put("moves")
    seconds, address = first.headers["refresh"].split("; url=")

    assert int(seconds) <= 10
    assert heading(pages.get(f"/success{address}")) == "Payment received"


def test_an_unknown_session_is_not_found_after_a_minute(pages: httpx.Client) -> None:
    first = pages.get("/success?session_id=cs_test_unknown")
    since = int(first.headers["refresh"].rpartition("since=")[2])
    later = pages.get(f"/success?session_id=cs_test_unknown&since={since - 60}")

    assert (first.status_code, heading(first)) == (200, "Confirming your payment")
    assert (later.status_code, heading(later)) == (404, "We cannot find this payment")
    assert "refresh" not in later.headers


@pytest.mark.parametrize("query", ["", "?session_id=", "?session_id={CHECKOUT_SESSION_ID}", "?session_id=<script>"])
def test_a_malformed_session_id_is_a_404_at_once(pages: httpx.Client, query: str) -> None:
    page = pages.get(f"/success{query}")

    assert (page.status_code, heading(page)) == (404, "We cannot find this payment")
    assert "refresh" not in page.headers
    assert "script" not in page.text


def test_a_customer_can_stop_the_updates(pages: httpx.Client, put: Put) -> None:
    first = pages.get(put("stopped", "confirming"))
    stop = re.search('<a href="(.*?)">Stop automatic updates</a>', first.text)
    assert stop is not None
    stopped = pages.get("/success" + stop[1].replace("&amp;", "&"))

    assert "refresh" in first.headers
    assert "refresh" not in stopped.headers
    assert "This page does not update automatically." in stopped.text


def test_the_cancel_page_says_that_nothing_was_charged(pages: httpx.Client, put: Put) -> None:
    put("left", "confirming")
    page = pages.get("/cancel?session_id=cs_test_left")

    assert (page.status_code, heading(page)) == (200, "Payment cancelled")
    assert "nothing was charged" in page.text
    assert "payment_left" not in page.text


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/success/", "/succes", "/favicon.ico"])
def test_any_other_path_is_a_404_page(pages: httpx.Client, path: str) -> None:
    page = pages.get(path)

    assert (page.status_code, heading(page)) == (404, "Page not found")


def test_a_post_request_is_a_405_page(pages: httpx.Client) -> None:
    page = pages.post("/success?session_id=cs_test_a")

    assert page.status_code == 405
    assert set(page.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert heading(page) == "Page not found"


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
def test_a_head_answer_is_that_of_get_without_a_body(pages: httpx.Client, path: str) -> None:
    head, get = pages.head(path), pages.get(path)

    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.content == b""


@pytest.mark.parametrize(
    ("accepted", "tag", "text"),
    [
        ("zh-CN,zh;q=0.9", "zh-Hans", "已收到付款"),
        ("ms-MY,ms;q=0.9,en;q=0.8", "ms", "Pembayaran diterima"),
        ("ta-SG", "ta", "பணம் பெறப்பட்டது"),
        ("fr-FR", "en", "Payment received"),
    ],
)
def test_a_page_is_in_the_customers_language(pages: httpx.Client, put: Put, accepted: str, tag: str, text: str) -> None:
    page = pages.get(put("language"), headers={"Accept-Language": accepted})

    assert heading(page) == text
    assert page.headers["content-language"] == tag
    assert page.headers["vary"] == "Accept-Language"
    assert f'<html lang="{tag}">' in page.text


@pytest.mark.parametrize(
    "value",
    [
        {"NULL": True},
        {"S": "Infinity"},
        {"N": "1E+100"},
        {"M": {"S": {"S": "x"}}},
        {"L": [{"S": "no entry"}]},
        {"BOOL": True},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_record_with_values_of_any_type_is_shown(
    pages: httpx.Client, put_item: Callable[[Item], None], value: dict[str, Any]
) -> None:
    fields = ("history", "facts", "version", "status_rank", "dispute_status", "amount", "amount_refunded", "currency")
    keys = {"payment_intent_id": {"S": "payment_odd"}, "stripe_session_id": {"S": "cs_test_odd"}}
    put_item({**keys, **dict.fromkeys(fields, value), "payment_status": value, "product_name": value})

    assert pages.get("/success?session_id=cs_test_odd").status_code == 200


def test_a_page_without_the_table_refreshes(start_service: Callable[..., str], free_port: Callable[[], int]) -> None:
    url = start_service("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    page = httpx.get(f"{url}/success?session_id=cs_test_a&since=1")
    wait, address = page.headers["refresh"].split("; url=")
    start = int(address.removeprefix("?session_id=cs_test_a&outage="))
    late = httpx.get(f"{url}/success?session_id=cs_test_a&outage={start - 60}")

    assert (page.status_code, heading(page)) == (503, "We cannot show your payment at the moment")
    assert 10 <= int(wait) <= 12
    assert page.headers["retry-after"] == wait
    assert 60 <= int(late.headers["refresh"].partition(";")[0]) <= 72
    assert late.headers["refresh"].endswith(f"; url=?session_id=cs_test_a&outage={start - 60}")
    assert httpx.get(f"{url}/cancel").status_code == 200


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 10), (1, 60), (2, 120), (60, 300)])
def test_a_delayed_payment_refreshes_less_and_less_often(
    pages: httpx.Client, put: Put, minutes: int, seconds: int
) -> None:
    at = iso(datetime.now(UTC) - timedelta(minutes=minutes))
    address = put(f"delayed{minutes}", "awaiting", webhook_processed_at=at)

    wait, url = pages.get(address).headers["refresh"].split("; url=")

    assert seconds <= int(wait) <= seconds * 1.2
    assert f"/success{url}" == address, "a browser reloads the same URL, and adds nothing to its history"


def test_a_page_does_not_wait_for_a_silent_table(start_service: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = start_service("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        page = httpx.get(f"{url}/success?session_id=cs_test_a")

    assert page.status_code == 503
    assert time.monotonic() - started < 3


def test_views_are_counted_without_head_requests(
    start_service: Callable[..., str], free_port: Callable[[], int], put: Put
) -> None:
    port = free_port()
    url = start_service("pages", METRICS_PORT=str(port))
    for path in (put("counted"), "/cancel", "/nothing"):
        httpx.get(url + path)
        httpx.head(url + path)
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    views = set(re.findall(r'payments_page_views_total\{page="(\w+)",status="(\w+)"\} 1\.0', metrics))
    assert views == {("success", "completed"), ("cancel", "shown"), ("other", "not_found")}


@pytest.fixture
def sink(free_port: Callable[[], int]) -> Iterator[OtlpSink]:
    with OtlpSink(free_port()) as sink:
        yield sink


def test_a_view_is_linked_to_the_trace_of_its_checkout(start: Callable[..., Process], put: Put, sink: OtlpSink) -> None:
    service = start("pages", OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint)
    httpx.get(service.url + put("traced", traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01"))
    service.stop()

    span = sink.one("GET /success")
    assert span.links == ((TRACE_ID, SPAN_ID),)
    assert (span.trace_id == TRACE_ID, span.parent) == (False, "")
    assert "cs_test" not in sink.raw
