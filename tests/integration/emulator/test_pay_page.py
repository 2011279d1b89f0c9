"""Uses the pay page as a browser without JavaScript does."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

CARD = {"method": "card", "cardnumber": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
LATER = {"method": "delayed", "outcome": "succeeded", "after_seconds": "3600"}


def line(currency: str, amount: int) -> list[Any]:
    product = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Policy <b>"}}
    return [{"price_data": product, "quantity": 1}]


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("sgd", 123450, "SGD 1,234.50"), ("jpy", 12000, "JPY 12,000"), ("kwd", 12050, "KWD 12.050")],
)
def test_the_amount_is_formatted_by_its_currency(
    emulator: EmulatorClient, currency: str, amount: int, shown: str
) -> None:
    session = emulator.checkout(line_items=line(currency, amount))
    page = emulator.http.get(f"/c/pay/{session.id}").text

    assert f"Pay {shown}</button>" in page
    assert "Policy &lt;b&gt;" in page


def test_the_page_can_redirect_only_to_the_merchant(emulator: EmulatorClient) -> None:
    headers = emulator.http.get(f"/c/pay/{emulator.checkout().id}").headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none';"
        " form-action 'self' http://merchant.test"
    )
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_the_stylesheet_is_served(emulator: EmulatorClient) -> None:
    style = emulator.http.get("/c/pay.css")

    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize(
    ("kinds", "card", "delayed"),
    [([], True, True), (["card"], True, False), (["sepa_debit"], False, True)],
    ids=["no types given", "card only", "delayed only"],
)
def test_the_page_offers_what_the_session_accepts(
    emulator: EmulatorClient, kinds: list[str], *, card: bool, delayed: bool
) -> None:
    session = emulator.checkout(**({"payment_method_types": kinds} if kinds else {}))
    page = emulator.http.get(f"/c/pay/{session.id}").text

    assert ('id="cardnumber"' in page) == card
    assert ("Bank transfer (delayed)" in page) == delayed


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"cardnumber": "4242"}, "incorrect_number", "cardnumber"),
        ({"expiry": "12"}, "incomplete_expiry", "expiry"),
        ({"expiry": "01/20"}, "invalid_expiry_year", "expiry"),
        ({"expiry": "13/34"}, "invalid_expiry_month", "expiry"),
        ({"cvc": "1"}, "incomplete_cvc", "cvc"),
        (LATER | {"after_seconds": "soon"}, "invalid_delay", "after_seconds"),
        (LATER | {"outcome": "maybe"}, "invalid_outcome", "outcome"),
    ],
)
def test_an_invalid_field_is_marked_and_nothing_is_paid(
    emulator: EmulatorClient, receiver: Receiver, changes: dict[str, str], code: str, field: str
) -> None:
    session = emulator.checkout()
    page = emulator.http.post(f"/c/pay/{session.id}", data=CARD | {"email": "a@b.test"} | changes)

    assert page.status_code == 402
    assert f'data-code="{code}"' in page.text
    marked = page.text.partition(f'name="{field}"')[2].partition(">")[0]
    assert 'aria-invalid="true"' in marked
    assert 'value="a@b.test"' in page.text
    assert receiver.types() == []


@pytest.mark.parametrize(
    "changes", [{"cvc": "1"}, {"cardnumber": "4000 0000 0000 9995"}], ids=["wrong field", "declined card"]
)
def test_an_error_keeps_what_was_typed(emulator: EmulatorClient, changes: dict[str, str]) -> None:
    """Stripe's page keeps the card details, too."""
    typed = CARD | {"email": "a@b.test"} | changes
    page = emulator.http.post(f"/c/pay/{emulator.checkout().id}", data=typed)

    assert page.status_code == 402
    for name in ("email", "cardnumber", "expiry", "cvc"):
        assert f'value="{typed[name]}"' in page.text.partition(f'id="{name}"')[2].partition(">")[0]


def test_what_was_typed_is_escaped(emulator: EmulatorClient) -> None:
    page = emulator.http.post(f"/c/pay/{emulator.checkout().id}", data=CARD | {"cardnumber": '"><script>'})

    assert "<script>" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text


def test_every_wrong_field_has_its_own_message(emulator: EmulatorClient) -> None:
    page = emulator.http.post(f"/c/pay/{emulator.checkout().id}", data={"email": "tan", "expiry": "12/20"}).text

    errors = dict(re.findall(r'id="(error[a-z-]*)" class="error"[^>]*>([^<]+)<', page))
    assert list(errors) == ["error", "error-cardnumber", "error-expiry", "error-cvc"]
    assert errors["error-cardnumber"] == "Your card number is incomplete."
    assert errors["error-expiry"] == "Your card&#39;s expiration date is in the past."
    assert page.count("autofocus") == page.count('role="alert"') == 1


def test_an_unknown_test_card_is_named(emulator: EmulatorClient) -> None:
    page = emulator.http.post(f"/c/pay/{emulator.checkout().id}", data=CARD | {"cardnumber": "4000000000001234"}).text

    assert "4000 0000 0000 1234 is not one of Stripe&#39;s test cards that this emulator knows" in page


def test_the_customer_returns_before_a_delayed_payment_ends(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout()
    back = emulator.http.post(f"/c/pay/{session.id}", data=LATER | {"email": "customer@example.test"})

    assert back.status_code == 303
    completed = receiver.first("checkout.session.completed").event.data.object
    assert (completed.status, completed.payment_status) == ("complete", "unpaid")
    assert completed.customer_details.email == "customer@example.test"


def test_a_free_order_is_completed_without_a_card(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(line_items=line("sgd", 0))
    page = emulator.http.get(f"/c/pay/{session.id}").text
    back = emulator.http.post(f"/c/pay/{session.id}", data={})

    assert "Complete order</button>" in page
    assert back.status_code == 303
    completed = receiver.first("checkout.session.completed").event.data.object
    assert (completed.payment_status, completed.payment_intent) == ("no_payment_required", None)


def test_pressing_pay_twice_pays_once(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    both = [emulator.http.post(f"/c/pay/{session.id}", data=CARD) for _ in range(2)]

    assert [answer.status_code for answer in both] == [303, 303]
    assert len(emulator.stripe.v1.charges.list().data) == 1


def test_the_page_of_a_paid_session_leads_back(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    emulator.pay(session.id)
    page = emulator.http.get(f"/c/pay/{session.id}")

    assert page.status_code == 200
    assert "You have already paid" in page.text
    assert f"http://merchant.test/success?session_id={session.id}" in page.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_of_an_expired_session_says_so(emulator: EmulatorClient, method: str) -> None:
    session = emulator.checkout()
    emulator.stripe.v1.checkout.sessions.expire(session.id)
    page = emulator.http.request(method, f"/c/pay/{session.id}")

    assert page.status_code == 410
    assert "This link has expired" in page.text
    assert "http://merchant.test/cancel" in page.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_of_an_unknown_session_says_so(emulator: EmulatorClient, method: str) -> None:
    page = emulator.http.request(method, "/c/pay/cs_test_nobody")

    assert page.status_code == 404
    assert "No such payment" in page.text


def test_the_customer_returns_after_the_merchant_answered(emulator: EmulatorClient, receiver: Receiver) -> None:
    may_answer = threading.Event()
    receiver.answer = lambda _received, _number: 200 if may_answer.wait(20) else 500
    session = emulator.checkout()

    with ThreadPoolExecutor() as pool:
        back = pool.submit(emulator.http.post, f"/c/pay/{session.id}", data=CARD)
        receiver.first("checkout.session.completed")
        page = emulator.http.get(f"/c/pay/{session.id}").text
        waited = not back.done()
        may_answer.set()

        assert back.result().status_code == 303
    assert "You have already paid" in page
    assert waited


def test_the_customer_returns_even_without_an_answer(start: Start, receiver: Receiver) -> None:
    receiver.answer = lambda _received, _number: 500
    emulator = start(EMULATOR_REDIRECT_WAIT_SECONDS="0.2")

    assert emulator.http.post(f"/c/pay/{emulator.checkout().id}", data=CARD).status_code == 303


def test_the_success_url_may_contain_any_letters(emulator: EmulatorClient) -> None:
    session = emulator.checkout(success_url="http://merchant.test/danké?id={CHECKOUT_SESSION_ID}&a=%20b")
    back = emulator.http.post(f"/c/pay/{session.id}", data=CARD)

    assert back.headers["Location"] == f"http://merchant.test/dank%C3%A9?id={session.id}&a=%20b"


def test_the_cancel_url_contains_the_session_id(emulator: EmulatorClient) -> None:
    session = emulator.checkout(cancel_url="http://merchant.test/cancel?session_id={CHECKOUT_SESSION_ID}")
    page = emulator.http.get(f"/c/pay/{session.id}").text

    assert f'href="http://merchant.test/cancel?session_id={session.id}"' in page
