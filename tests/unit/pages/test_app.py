import asyncio
import re
from collections.abc import Mapping

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from lea_payments.pages.app import create_app
from lea_payments.pages.settings import PagesSettings
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.store.errors import UnavailableError

PAID = Payment(
    payment_intent_id="payment_1",
    payment_status=Status.COMPLETED,
    facts={"cs_test_b": Fact(kind=Kind.SESSION, state="paid")},
)


class Records:
    """A table that returns one payment, or fails."""

    def __init__(self, payment: Payment | None = None, error: Exception | None = None) -> None:
        self._payment = payment
        self._error = error

    async def by_session(self, _: str) -> Payment | None:
        if self._error is not None:
            raise self._error
        return self._payment

    async def ping(self) -> None:
        """Succeeds: the table is available."""


def visit(records: Records, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """One request. The app is created outside the event loop, as the service does, because it reads its templates."""
    app = create_app(PagesSettings.model_validate({}), records)  # type: ignore[arg-type]  # the calls that the pages need
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
            return await client.request(method, path, headers=headers, follow_redirects=True)

    return asyncio.run(request())


@pytest.mark.parametrize(
    ("records", "status", "text"),
    [
        (Records(PAID), 200, "Payment received"),
        (Records(), 200, "Confirming your payment"),
        (Records(error=UnavailableError("no answer")), 503, "We cannot show your payment at the moment"),
        (Records(error=TimeoutError()), 503, "We cannot show your payment at the moment"),
        (Records(error=KeyError("a bug")), 500, "We cannot show your payment at the moment"),
    ],
    ids=["paid", "no record yet", "table fails", "table is late", "internal error"],
)
def test_the_success_page_depends_on_the_record(records: Records, status: int, text: str) -> None:
    page = visit(records, "/success?session_id=cs_test_a")

    assert page.status_code == status
    assert f"<h1>{text}</h1>" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert (page.headers.get("Connection") == "close") == (status == 500)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/success", 404, "We cannot find this payment"),
        ("/cancel", 200, "You left the payment page"),
        ("/nothing", 404, "Page not found"),
    ],
)
def test_other_pages_do_not_read_the_table(path: str, status: int, text: str) -> None:
    page = visit(Records(error=AssertionError()), path)

    assert page.status_code == status
    assert f"<h1>{text}</h1>" in page.text


def test_another_method_is_a_405_with_the_methods() -> None:
    page = visit(Records(), "/cancel", "POST")

    assert page.status_code == 405
    assert set(page.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_head_request_is_not_counted_as_a_view() -> None:
    def views() -> float:
        return REGISTRY.get_sample_value("payments_page_views_total", {"page": "cancel", "status": "shown"}) or 0

    before = views()
    visit(Records(), "/cancel", "HEAD")
    visit(Records(), "/cancel")

    assert views() - before == 1


def test_a_page_that_waits_is_redirected_to_its_visit_time() -> None:
    app = create_app(PagesSettings.model_validate({}), Records())  # type: ignore[arg-type]  # the calls that the pages need

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages") as client:
            return await client.get("/success?session_id=cs_test_a")

    answer = asyncio.run(request())

    assert answer.status_code == 303
    assert re.fullmatch(r"\?session_id=cs_test_a&since=\d+", answer.headers["Location"])
    assert answer.headers["Cache-Control"] == "no-store"


PENDING = Payment(payment_intent_id="payment_1", stripe_session_id="cs_test_a")


@pytest.mark.parametrize(
    ("records", "status", "text"),
    [
        (Records(PAID), 200, "Payment received"),
        (Records(PENDING), 200, "You left the payment page"),
        (Records(), 200, "You left the payment page"),
        (Records(error=UnavailableError("no answer")), 503, "We cannot show your payment at the moment"),
    ],
    ids=["paid in another window", "open", "unknown", "table fails"],
)
def test_the_cancel_page_depends_on_the_record(records: Records, status: int, text: str) -> None:
    page = visit(records, "/cancel?session_id=cs_test_a")

    assert page.status_code == status
    assert f"<h1>{text}</h1>" in page.text


@pytest.mark.parametrize(
    "query", ["", "?session_id={CHECKOUT_SESSION_ID}", "?session_id=%7BCHECKOUT_SESSION_ID%7D", "?session_id=cs_test_a"]
)
def test_a_cancel_page_that_knows_nothing_claims_nothing(query: str) -> None:
    """A link of an older version has no session, and Stripe documents the placeholder for `success_url` only."""
    page = visit(Records(), f"/cancel{query}").text

    assert "charged" not in page
    assert "not received" not in page
    assert "please do not pay again" in page


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("ta", "ta"),
        ("zh", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-HK", "zh-Hans"),
        ("ZH_TW", "zh-Hans"),
        ("ms", "ms"),
        ("en-GB", "en"),
        ("auto", "ms"),
        ("fr", "ms"),
        ("", "ms"),
        (None, "ms"),
        ("tamil", "ms"),
        ("-", "ms"),
    ],
)
def test_the_payments_language_comes_before_the_browsers(language: str | None, tag: str) -> None:
    records = Records(replace(PAID, checkout_locale=language))

    page = visit(records, "/success?session_id=cs_test_b", headers={"Accept-Language": "ms-MY,en;q=0.5"})

    assert page.headers["Content-Language"] == tag
