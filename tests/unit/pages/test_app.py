import asyncio

import httpx
import pytest
from prometheus_client import REGISTRY

from lea_payments.pages.app import create_app
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


def visit(records: Records, path: str, method: str = "GET") -> httpx.Response:
    """One request. The app is created outside the event loop, as the service does, because it reads its templates."""
    app = create_app(records)  # type: ignore[arg-type]  # the calls that the pages need
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
            return await client.request(method, path)

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


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/success", 404, "We cannot find this payment"),
        ("/cancel", 200, "Payment cancelled"),
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
