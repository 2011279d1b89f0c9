"""Requests the success and cancel pages for every status of a payment."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store.items import Item, attributes_of
from tests.support import plain_http, tables
from tests.support.otlp_sink import OtlpSink
from tests.support.page_records import LINK, page_record, session_id_of
from tests.support.page_refresh import refresh_of
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process

Put = Callable[..., str]
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def pages(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=start_service("pages"), timeout=10, follow_redirects=True, verify=NO_CERTIFICATES
    ) as client:
        yield client


@pytest.fixture(scope="module")
def put_item(table_settings: TableSettings) -> Iterator[Callable[[Item], None]]:
    """Yield a function that writes an item to the table."""
    client = tables.client(table_settings)

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


def _refresh_of(page: httpx.Response) -> tuple[str, str]:
    refresh = refresh_of(page.text)
    assert refresh is not None
    return refresh


def heading(page: httpx.Response) -> str:
    match = re.search("<h1>(.*?)</h1>", page.text)
    assert match is not None
    return match[1]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("completed", "Payment received"),
        ("refunded", "Your refund failed"),
        ("refunded_in_full", "Payment refunded"),
        ("refund_on_its_way", "Your refund is on its way"),
        ("refund_needs_details", "Your refund needs your bank details"),
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
        ("canceled", "This payment link is no longer valid"),
        ("canceled_replaced", "This payment link is no longer valid"),
    ],
)
def test_the_success_page_shows_the_status(pages: httpx.Client, put: Put, state: str, text: str) -> None:
    page = pages.get(put(state.replace("_", ""), state))

    assert page.status_code == 200
    assert heading(page) == text
    assert f"<title>{text} ·" in page.text


@pytest.mark.parametrize(
    ("locale", "heading_", "text"),
    [
        ("en", "This payment link is no longer valid", "open the newest payment link there, or ask for one"),
        ("zh", "此付款链接已失效", "打开其中最新的付款链接"),
        ("ms", "Pautan pembayaran ini tidak lagi sah", "minta pautan baharu"),
        ("ta", "இந்தக் கட்டண இணைப்பு இனி செல்லாது", "புதிய இணைப்பைக் கேட்கவும்"),
    ],
)
def test_a_canceled_link_says_what_to_do_in_each_language(
    pages: httpx.Client, put: Put, locale: str, heading_: str, text: str
) -> None:
    page = pages.get(put(f"canceled{locale}", "canceled", checkout_locale=locale))

    assert heading(page) == heading_
    assert text in page.text
    assert refresh_of(page.text) is None


def test_a_paid_page_shows_the_payment_and_is_final(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("paid", "refunded", product_name="Trip to Japan"))

    for text in ("Trip to Japan", "SGD\xa0128.50", "payment_paid"):
        assert text in page.text
    assert refresh_of(page.text) is None


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
    seconds, address = _refresh_of(first)

    assert int(seconds) <= 10
    assert heading(pages.get(f"/success{address}")) == "Payment received"


def test_an_unknown_session_is_not_found_after_a_minute(pages: httpx.Client) -> None:
    first = pages.get("/success?session_id=cs_test_unknown")
    since = int(_refresh_of(first)[1].rpartition("since=")[2])
    later = pages.get(f"/success?session_id=cs_test_unknown&since={since - 60}")

    assert (first.status_code, heading(first)) == (200, "Confirming your payment")
    assert (later.status_code, heading(later)) == (404, "We cannot find this payment")
    assert refresh_of(later.text) is None


@pytest.mark.parametrize("query", ["", "?session_id=", "?session_id={CHECKOUT_SESSION_ID}", "?session_id=<script>"])
def test_a_malformed_session_id_is_a_404_at_once(pages: httpx.Client, query: str) -> None:
    page = pages.get(f"/success{query}")

    assert (page.status_code, heading(page)) == (404, "We cannot find this payment")
    assert refresh_of(page.text) is None
    assert "&lt;script" not in page.text


def test_a_customer_can_stop_the_updates(pages: httpx.Client, put: Put) -> None:
    first = pages.get(put("stopped", "confirming"))
    stop = re.search('<a id="stop" href="(.*?)">Stop automatic updates</a>', first.text)
    assert stop is not None
    stopped = pages.get("/success" + stop[1].replace("&amp;", "&"))

    assert refresh_of(first.text) is not None
    assert refresh_of(stopped.text) is None
    assert "This page does not update automatically." in stopped.text


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("confirming", "You left the payment page"),
        ("completed", "Payment received"),
        ("awaiting", "Your payment is on its way"),
        ("declined", "Payment not completed"),
        ("expired", "This payment link has expired"),
        ("expired_replaced", "This payment link has expired"),
        ("canceled", "This payment link is no longer valid"),
        ("review", "We are checking your payment"),
    ],
)
def test_the_cancel_page_shows_the_payment_as_it_is(pages: httpx.Client, put: Put, state: str, text: str) -> None:
    address = put(f"left{state.replace('_', '')}", state).replace("/success", "/cancel")

    assert heading(pages.get(address)) == text


@pytest.mark.parametrize("query", ["", "?session_id={CHECKOUT_SESSION_ID}", "?session_id=cs_test_leftunknown"])
def test_the_cancel_page_of_an_unknown_session_is_safe(pages: httpx.Client, query: str) -> None:
    page = pages.get(f"/cancel{query}")

    assert (page.status_code, heading(page)) == (200, "You left the payment page")
    assert "charged" not in page.text


@pytest.mark.parametrize("path", ["/success", "/cancel"])
def test_a_declined_page_leads_back_to_the_pay_page(pages: httpx.Client, put: Put, path: str) -> None:
    with_link = pages.get(put("link", "declined", checkout_link=LINK).replace("/success", path))
    without = pages.get(put("nolink", "declined").replace("/success", path))

    assert f'<a id="pay" class="button main" href="{LINK}">Try again</a>' in with_link.text
    assert 'id="pay"' not in without.text


@pytest.mark.parametrize("state", ["completed", "awaiting", "expired", "failed", "review"])
def test_a_payment_that_cannot_be_paid_has_no_link(pages: httpx.Client, put: Put, state: str) -> None:
    """Version 0.1.0 does not remove the link."""
    page = pages.get(put(f"ended{state}", state, checkout_link=LINK))

    assert "checkout.stripe.com" not in page.text


def test_a_record_cannot_redirect_to_another_kind_of_url(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("evil", "declined", checkout_link="javascript:alert(1)"))

    assert "javascript:" not in page.text


def test_a_paid_page_says_when(pages: httpx.Client, put: Put) -> None:
    page = pages.get(put("when")).text

    assert '<time datetime="2026-11-27T04:31:05+00:00">27 November 2026, 4:31' in page
    assert "(Coordinated Universal Time)</time>" in page


def test_an_unknown_payment_has_a_reference_to_quote(pages: httpx.Client) -> None:
    page = pages.get("/success?session_id=cs_test_lost&since=1")

    assert heading(page) == "We cannot find this payment"
    assert '<dd class="reference">cs_test_lost</dd>' in page.text


BRAND = {
    "PAGES_BRAND_NAME": "Voyage & Co",
    "PAGES_LOGO": "data:image/png;base64,iVBORw0KGgo=",
    "PAGES_SUPPORT_CONTACT": "mailto:help@voyage.example",
    "PAGES_CONVERSATION_URL": "https://chat.example/?a=1&b=2",
    "PAGES_NEXT_STEPS": '{"en": "Your policy arrives <soon>.", "ta": "ஆவணங்கள் வரும்."}',
    "PAGES_TIME_ZONE": "Asia/Singapore",
}


@pytest.fixture(scope="module")
def branded(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start_service("pages", **BRAND), timeout=10, verify=NO_CERTIFICATES) as client:
        yield client


def test_a_page_shows_the_brand(branded: httpx.Client, put: Put) -> None:
    page = branded.get(put("branded")).text

    for text in (
        "Payment received · Voyage &amp; Co</title>",
        f'<img src="{BRAND["PAGES_LOGO"]}" alt="">',
        '<a id="contact" href="mailto:help@voyage.example">help@voyage.example</a>',
        '<a id="back" class="button" href="https://chat.example/?a=1&amp;b=2">Back to the conversation</a>',
        "<p>Your policy arrives &lt;soon&gt;.</p>",
        "12:31\u202fpm (Singapore Standard Time)",
    ):
        assert text in page
    assert "LEA Payments" not in page


@pytest.mark.parametrize(
    ("language", "text"),
    [("ta", "<p>ஆவணங்கள் வரும்.</p>"), ("ms", '<p lang="en">Your policy arrives &lt;soon&gt;.</p>')],
)
def test_what_happens_next_is_in_the_language_or_english(
    branded: httpx.Client, put: Put, language: str, text: str
) -> None:
    assert text in branded.get(put("next", checkout_locale=language)).text


def test_what_happens_next_follows_a_payment_only(branded: httpx.Client, put: Put) -> None:
    pages = [
        branded.get(put(f"no{state.replace('_', '')}", state)).text
        for state in ("declined", "awaiting", "refunded_in_full")
    ]

    assert not any("policy" in page for page in pages)


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
    page = plain_http.get(f"{url}/success?session_id=cs_test_a&since=1")
    wait, address = _refresh_of(page)
    start = int(address.removeprefix("?session_id=cs_test_a&outage="))
    late = plain_http.get(f"{url}/success?session_id=cs_test_a&outage={start - 60}")

    assert (page.status_code, heading(page)) == (503, "We cannot show your payment at the moment")
    assert 10 <= int(wait) <= 12
    assert page.headers["retry-after"] == wait
    assert 60 <= int(_refresh_of(late)[0]) <= 72
    assert _refresh_of(late)[1] == f"?session_id=cs_test_a&outage={start - 60}"
    assert plain_http.get(f"{url}/cancel").status_code == 200


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 10), (1, 60), (2, 120), (60, 300)])
def test_a_delayed_payment_refreshes_less_and_less_often(
    pages: httpx.Client, put: Put, minutes: int, seconds: int
) -> None:
    address = put("delayed", "awaiting", webhook_processed_at="2026-01-01T00:00:00.000Z")
    visited = pages.get(f"{address}&since={int(time.time()) - 60 * minutes}")

    wait, url = _refresh_of(visited)

    assert seconds <= int(wait) <= seconds * 1.2
    assert str(visited.url).endswith(f"/success{url}"), (
        "a browser reloads the same URL, and adds nothing to its history"
    )


def test_a_visit_on_the_next_day_refreshes_soon(pages: httpx.Client, put: Put) -> None:
    address = put("nextday", "awaiting", webhook_processed_at="2026-01-01T00:00:00.000Z")

    first = pages.get(address)

    assert first.history[0].status_code == 303
    assert 10 <= int(_refresh_of(first)[0]) <= 12


def test_a_page_does_not_wait_for_a_silent_table(start_service: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = start_service("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        page = plain_http.get(f"{url}/success?session_id=cs_test_a")

    assert page.status_code == 503
    assert time.monotonic() - started < 30  # botocore's own limit would be 60 s


def test_views_are_counted_without_head_requests(
    start_service: Callable[..., str], free_port: Callable[[], int], put: Put
) -> None:
    port = free_port()
    url = start_service("pages", METRICS_PORT=str(port))
    for path in (put("counted"), "/cancel", "/nothing"):
        plain_http.get(url + path)
        httpx.head(url + path)
    metrics = plain_http.get(f"http://127.0.0.1:{port}/metrics").text

    views = set(re.findall(r'payments_page_views_total\{page="(\w+)",status="(\w+)"\} 1\.0', metrics))
    assert views == {("success", "completed"), ("cancel", "shown"), ("other", "not_found")}


@pytest.fixture
def sink(free_port: Callable[[], int]) -> Iterator[OtlpSink]:
    with OtlpSink(free_port()) as sink:
        yield sink


def test_a_view_is_linked_to_the_trace_of_its_checkout(start: Callable[..., Process], put: Put, sink: OtlpSink) -> None:
    service = start("pages", OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint)
    plain_http.get(service.url + put("traced", traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01"))
    service.stop()

    span = sink.one("GET /success")
    assert span.links == ((TRACE_ID, SPAN_ID),)
    assert (span.trace_id == TRACE_ID, span.parent) == (False, "")
    assert "cs_test" not in sink.raw
