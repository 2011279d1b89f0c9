import re
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from lea_payments.pages import views
from lea_payments.pages.languages import TAGS
from lea_payments.pages.render import HEADERS, Renderer
from lea_payments.pages.settings import PagesSettings
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HistoryEntry, Payment, Status
from tests.support.page_refresh import refresh_of

RENDERER = Renderer(PagesSettings.model_validate({}))
LEADING_BACK = Renderer(
    PagesSettings.model_validate(
        {"RETURN_URL_ORIGINS": "https://chat.example.com", "PAGES_CONVERSATION_URL": "https://lea.example/"}
    )
)
PAYMENT = Payment(
    payment_intent_id="payment_1", user_id="user_1", amount=12850, currency="SGD", product_name="Trip to Japan"
)
VISIT = Visit.from_query(QueryParams("session_id=cs_test_a"), 1_800_000_000)


def request(language: str = "en") -> Request:
    return Request({"type": "http", "headers": [(b"accept-language", language.encode())]})


def html(response: Response) -> str:
    return bytes(response.body).decode()


@pytest.mark.parametrize("view", views.ALL, ids=lambda view: f"{view.template}-{view.http_status}")
def test_every_page_has_one_heading_and_the_headers(view: View) -> None:
    response = RENDERER.render(request(), view)

    assert response.status_code == view.http_status
    assert len(re.findall("<h1>.+</h1>", html(response))) == 1
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_a_page_is_in_the_browsers_language() -> None:
    response = RENDERER.render(request("ms"), views.COMPLETED, payment=PAYMENT)

    assert response.headers["Content-Language"] == "ms"
    assert '<html lang="ms">' in html(response)
    assert "Pembayaran diterima" in html(response)


def test_a_page_shows_the_payment_but_not_its_user() -> None:
    page = html(RENDERER.render(request(), views.COMPLETED, payment=PAYMENT))

    for text in ("payment_1", "Trip to Japan", "SGD\N{NO-BREAK SPACE}128.50"):
        assert text in page
    assert "user_1" not in page
    assert "Refunded" not in page


@pytest.mark.parametrize("view", views.ALL, ids=lambda view: f"{view.template}-{view.http_status}")
@pytest.mark.parametrize(
    ("return_url", "address"),
    [
        ("https://chat.example.com/c?a=1", "https://chat.example.com/c?a=1&amp;payment_id=payment_1"),
        ("https://evil.example/", "https://lea.example/"),
        ("javascript:alert(1)", "https://lea.example/"),
        (None, "https://lea.example/"),
    ],
)
def test_every_page_leads_back_to_an_allowed_address(view: View, return_url: str | None, address: str) -> None:
    page = html(LEADING_BACK.render(request(), view, payment=replace(PAYMENT, return_url=return_url)))

    assert re.findall('id="back" class="button" href="([^"]*)"', page) == [address]


def refunded(*refunds: tuple[str, int], **fields: Any) -> Payment:
    """The payment with refunds of these states and amounts."""
    facts = {
        f"re_{number}": Fact(kind=Kind.REFUND, state=state, amount=amount)
        for number, (state, amount) in enumerate(refunds)
    }
    return replace(PAYMENT, facts=facts, **fields)


def test_refunds_are_shown_by_their_states() -> None:
    payment = refunded(("succeeded", 1000), ("succeeded", 200), ("pending", 300), ("failed", 40), ("canceled", 5))

    page = html(RENDERER.render(request(), views.COMPLETED, payment=payment)).replace("\N{NO-BREAK SPACE}", " ")

    assert "<dt>Refunded</dt><dd>SGD 12.00</dd>" in page
    assert "<p>A refund of SGD 3.00 is on its way.</p>" in page
    assert "<p>A refund of SGD 0.40 failed. Please go back to your conversation and contact us.</p>" in page
    assert "0.05" not in page


@pytest.mark.parametrize("state", ["pending", "requires_action", "failed", "canceled"])
def test_only_a_refund_that_succeeded_was_refunded(state: str) -> None:
    page = html(RENDERER.render(request(), views.COMPLETED, payment=refunded((state, 1000))))

    assert "Refunded" not in page


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("state", ["succeeded", "pending", "failed"])
def test_a_refund_is_shown_in_every_language(state: str, tag: str) -> None:
    page = html(RENDERER.render(request(tag), views.COMPLETED, payment=refunded((state, 1000))))

    assert page.count("SGD\N{NO-BREAK SPACE}10.00") == (2 if state == "succeeded" else 1)
    assert "%(" not in page


def test_a_refund_without_a_currency_is_not_shown() -> None:
    page = html(RENDERER.render(request(), views.COMPLETED, payment=refunded(("pending", 1000), currency="dollars")))

    assert "refund" not in page


@pytest.mark.parametrize("view", [views.FAILED_REPLACED, views.EXPIRED_REPLACED], ids=lambda view: view.template)
def test_a_former_session_names_the_newest_link(view: View) -> None:
    page = html(RENDERER.render(request(), view))

    assert "open the newest payment link" in page
    assert "ask for a new payment link" not in page


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(-1, "sgd"), (100, "dollars"), (100, None), (None, "sgd")],
    ids=["negative", "no currency code", "no currency", "no amount"],
)
def test_an_invalid_amount_is_not_shown(amount: int | None, currency: str | None) -> None:
    payment = Payment(payment_intent_id="payment_1", amount=amount, currency=currency)

    assert "Amount" not in html(RENDERER.render(request(), views.COMPLETED, payment=payment))


@pytest.mark.parametrize("view", [views.IN_REVIEW, views.IN_REVIEW_UNPAID], ids=lambda view: view.template)
def test_an_amount_in_review_is_not_shown(view: View) -> None:
    assert "128.50" not in html(RENDERER.render(request(), view, payment=PAYMENT))


def test_only_a_review_of_money_names_a_payment_received() -> None:
    texts = [html(RENDERER.render(request(), view)) for view in (views.IN_REVIEW, views.IN_REVIEW_UNPAID)]

    assert ["We have received a payment" in text for text in texts] == [True, False]


def test_a_payment_of_nothing_does_not_claim_money() -> None:
    page = html(RENDERER.render(request(), views.COMPLETED_FREE))

    assert "There was nothing to pay." in page
    assert "received" not in page


@pytest.mark.parametrize(
    ("view", "refresh"),
    [(views.CONFIRMING, ("5", "?session_id=cs_test_a&since=1800000000")), (views.COMPLETED, None)],
    ids=["can change", "final"],
)
def test_only_a_page_that_can_change_refreshes(view: View, refresh: tuple[str, str] | None) -> None:
    page = html(RENDERER.render(request(), view, VISIT, PAYMENT))

    assert refresh_of(page) == refresh
    assert ('data-steps=""' in page) is (refresh is None)


def test_a_page_without_updates_does_not_refresh() -> None:
    response = RENDERER.render(request(), views.CONFIRMING, VISIT._replace(updates=False), PAYMENT)

    assert refresh_of(html(response)) is None
    assert "This page does not update automatically." in html(response)


@pytest.mark.parametrize(("view", "wait"), [(views.UNAVAILABLE, "11"), (views.INTERNAL_ERROR, None)])
def test_only_a_temporary_failure_has_retry_after(view: View, wait: str | None) -> None:
    assert RENDERER.render(request(), view, VISIT).headers.get("Retry-After") == wait


def test_the_policy_allows_the_own_style_and_script_only() -> None:
    policy = RENDERER.render(request(), views.LEFT).headers["Content-Security-Policy"]

    assert re.match(
        "default-src 'none'; style-src 'sha256-[^ ]+'; script-src 'sha256-[^ ]+'; connect-src 'self'; ", policy
    )
    assert "unsafe" not in policy


def test_a_product_name_is_escaped() -> None:
    payment = Payment(payment_intent_id="payment_1", product_name="<script>")

    assert "&lt;script&gt;" in html(RENDERER.render(request(), views.COMPLETED, payment=payment))


def test_the_most_urgent_refund_comes_first() -> None:
    payment = refunded(("succeeded", 100), ("pending", 200), ("requires_action", 300), ("failed", 400))

    page = html(RENDERER.render(request(), views.REFUND_FAILED, payment=payment)).replace("\N{NO-BREAK SPACE}", " ")

    sentences = re.findall("<p>([^<]*SGD[^<]*)</p>", page)
    assert [re.findall(r"SGD \d\.\d\d", sentence) for sentence in sentences] == [
        ["SGD 4.00"],
        ["SGD 3.00"],
        ["SGD 2.00"],
        ["SGD 1.00"],
    ]
    assert "needs your bank details" in sentences[1]


def test_the_refund_of_another_payment_is_named_as_such() -> None:
    other = Fact(kind=Kind.REFUND, state="succeeded", amount=12850, intent="pi_b")
    payment = replace(PAYMENT, stripe_payment_intent="pi_a", facts={"re_1": other})

    page = html(RENDERER.render(request(), views.COMPLETED, payment=payment)).replace("\N{NO-BREAK SPACE}", " ")

    assert "We have refunded another payment of SGD 128.50." in page
    assert "<dt>Refunded</dt>" not in page


@pytest.mark.parametrize("tag", TAGS)
def test_a_time_names_its_zone_in_every_language(tag: str) -> None:
    renderer = Renderer(PagesSettings.model_validate({"PAGES_TIME_ZONE": "Asia/Singapore"}))
    zone = {
        "en": "Singapore Standard Time",
        "zh-Hans": "新加坡标准时间",
        "ms": "Waktu Piawai Singapura",
        "ta": "சிங்கப்பூர் நிலையான நேரம்",
    }

    page = html(renderer.render(request(tag), views.COMPLETED, payment=confirmed("2026-11-27T16:31:05.000Z")))

    assert '<time datetime="2026-11-27T16:31:05+00:00">' in page
    assert f"({zone[tag]})</time>" in page
    assert "28" in page.partition("<time")[2].partition("</time>")[0], "the next day in Singapore"


def confirmed(at: str, status: Status = Status.COMPLETED) -> Payment:
    """The payment whose history has this time, and a refund later."""
    entry = HistoryEntry("evt_1", "some.type", "applied", Status.PENDING, Status.COMPLETED, at, None)
    later = replace(entry, event_id="evt_2", status_from=Status.COMPLETED, at="2026-12-24T00:00:00.000Z")
    return replace(PAYMENT, payment_status=status, history=(entry, later))


@pytest.mark.parametrize(
    "payment",
    [
        confirmed("yesterday"),
        confirmed("0001-01-01T00:00:00+14:00"),
        confirmed("2026-11-27T16:31:05.000Z", Status.PENDING),
        replace(PAYMENT, payment_status=Status.COMPLETED),
    ],
    ids=["not a time", "before the first year", "not completed", "without a history"],
)
def test_a_time_that_is_not_known_is_not_shown(payment: Payment) -> None:
    assert "<time" not in html(RENDERER.render(request(), views.COMPLETED, payment=payment))


def test_a_time_without_a_zone_is_utc() -> None:
    page = html(RENDERER.render(request(), views.COMPLETED, payment=confirmed("2026-11-27T16:31:05")))

    assert '<time datetime="2026-11-27T16:31:05+00:00">' in page


def test_a_time_after_the_last_year_of_the_zone_is_not_shown() -> None:
    renderer = Renderer(PagesSettings.model_validate({"PAGES_TIME_ZONE": "Asia/Singapore"}))

    page = html(renderer.render(request(), views.COMPLETED, payment=confirmed("9999-12-31T23:59:59Z")))

    assert "<time" not in page
