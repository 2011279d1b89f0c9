"""Reads the page `/` of the emulator."""

import html

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient
from tests.support.waiting import until


def test_the_page_lists_open_sessions_only(emulator: EmulatorClient) -> None:
    paid, waiting = emulator.checkout(), emulator.checkout(client_reference_id="payment_123")
    emulator.pay(paid.id).raise_for_status()
    emulator.pay(waiting.id, card="4000000000003220").raise_for_status()
    page = emulator.http.get("/")

    assert page.status_code == 200
    assert f'<a href="/c/pay/{waiting.id}">Pay SGD 120.00</a>' in page.text
    assert f'href="/c/pay/{paid.id}"' not in page.text
    assert "payment_123" in page.text
    assert f'href="/c/authenticate/{emulator.intent_of(waiting.id)}">Waits for authentication' in page.text


def test_the_page_lists_deliveries(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.pay(emulator.checkout().id).raise_for_status()
    receiver.first("checkout.session.completed")
    page = emulator.http.get("/").text

    assert "checkout.session.completed" in page
    assert "HTTP 200 in" in page
    assert receiver.url in page


def test_a_failed_delivery_has_its_reason(emulator: EmulatorClient, receiver: Receiver) -> None:
    receiver.answer = lambda _received, _number: 503
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})

    assert until(lambda: "HTTP 503 in" in emulator.http.get("/").text)


def test_the_page_lists_cards_and_controls(emulator: EmulatorClient) -> None:
    page = html.unescape(emulator.http.get("/").text)

    assert "4000 0000 0000 3220" in page
    assert "asks for authentication; is declined: generic_decline" in page
    assert "POST /_pay/{session_id}" in page
    assert 'href="/openapi.json"' in page


def test_the_page_escapes_what_others_wrote(emulator: EmulatorClient) -> None:
    product = {"currency": "sgd", "unit_amount": 12000, "product_data": {"name": "<script>alert(1)</script>"}}
    emulator.checkout(client_reference_id="<b>bold</b>", line_items=[{"price_data": product, "quantity": 1}])
    emulator.set_faults(per_type={"charge.refunded": {"drop": True}})
    page = emulator.http.get("/")
    emulator.set_faults()

    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "Faults are on" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_an_empty_page_says_what_to_do(emulator: EmulatorClient) -> None:
    emulator.reset()
    page = emulator.http.get("/").text

    assert "There is none. Create a payment" in page
    assert "Events are sent to nobody" in page


def test_the_stylesheet_of_the_page_is_served(emulator: EmulatorClient) -> None:
    style = emulator.http.get("/overview.css")

    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
