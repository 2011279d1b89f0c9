import re

import pytest
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from lea_payments.pages import views
from lea_payments.pages.render import HEADERS, Renderer
from lea_payments.pages.views import View
from lea_payments.pages.visit import Visit
from lea_payments.payment.record import Payment

RENDERER = Renderer()
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


def test_a_refund_is_shown() -> None:
    refunded = Payment(payment_intent_id="payment_1", amount=12850, amount_refunded=2850, currency="sgd")

    assert "SGD\N{NO-BREAK SPACE}28.50" in html(RENDERER.render(request(), views.COMPLETED, payment=refunded))


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


@pytest.mark.parametrize(
    ("view", "refresh"),
    [(views.CONFIRMING, "5; url=?session_id=cs_test_a&since=1800000000"), (views.COMPLETED, None)],
    ids=["can change", "final"],
)
def test_only_a_page_that_can_change_refreshes(view: View, refresh: str | None) -> None:
    assert RENDERER.render(request(), view, VISIT, PAYMENT).headers.get("Refresh") == refresh


def test_a_page_without_updates_does_not_refresh() -> None:
    response = RENDERER.render(request(), views.CONFIRMING, VISIT._replace(updates=False), PAYMENT)

    assert "Refresh" not in response.headers
    assert "This page does not update automatically." in html(response)


@pytest.mark.parametrize(("view", "wait"), [(views.UNAVAILABLE, "10"), (views.INTERNAL_ERROR, None)])
def test_only_a_temporary_failure_has_retry_after(view: View, wait: str | None) -> None:
    assert RENDERER.render(request(), view).headers.get("Retry-After") == wait


def test_the_policy_allows_the_pages_own_style_only() -> None:
    policy = RENDERER.render(request(), views.CANCELLED).headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_a_product_name_is_escaped() -> None:
    payment = Payment(payment_intent_id="payment_1", product_name="<script>")

    assert "&lt;script&gt;" in html(RENDERER.render(request(), views.COMPLETED, payment=payment))
