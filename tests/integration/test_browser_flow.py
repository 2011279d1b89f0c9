"""Pays in a browser, from the payment link to the success page, with the emulator as Stripe."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.secrets import signing_secret
from tests.support.waiting import until

pytestmark = pytest.mark.browser
SECRET, TOKEN = signing_secret("browser"), "token-of-the-browser"


class CheckoutApi:
    """The checkout API as a product calls it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def create_payment(self) -> tuple[str, str]:
        """Creates a payment and returns its id and its link."""
        body = {"user_id": "user_1", "quote_id": "quote_1", "amount": 12000, "currency": "sgd"}
        payment_id = f"payment_{uuid4().hex}"
        answer = self._client.post(
            "/payments", json={**body, "product_name": "Travel insurance", "payment_intent_id": payment_id}
        )
        assert answer.status_code == 201, answer.text
        return payment_id, answer.json()["link"]["url"]

    def status(self, payment_id: str) -> str:
        """The payment's status."""
        status: str = self._client.get(f"/payments/{payment_id}").json()["payment_status"]
        return status


@pytest.fixture(scope="module")
def pages(start: Callable[..., Process]) -> str:
    return start("pages").url


@pytest.fixture(scope="module")
def api(start: Callable[..., Process], pages: str) -> Iterator[CheckoutApi]:
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET)
    stripe = start(
        "stripe-emulator", EMULATOR_WEBHOOK_URL=f"{webhook.url}/webhook/stripe", EMULATOR_WEBHOOK_SECRET=SECRET
    )
    checkout = start(
        "checkout",
        STRIPE_SECRET_KEY="sk_test_browser",
        STRIPE_API_BASE=stripe.url,
        PAYMENTS_API_TOKEN=TOKEN,
        PAGES_BASE_URL=pages,
    )
    with httpx.Client(
        base_url=checkout.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, verify=NO_CERTIFICATES
    ) as client:
        yield CheckoutApi(client)


@pytest.fixture
def customer(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(locale="en-SG")
    yield page
    page.close()


def _pay(customer: Page, card: str) -> None:
    customer.get_by_label("Card number").fill(card)
    customer.get_by_label("Expiry").fill("12 / 40")
    customer.get_by_label("CVC").fill("123")
    customer.locator("#pay").click()


def test_the_first_page_after_paying_says_received(api: CheckoutApi, customer: Page, pages: str) -> None:
    payment_id, link = api.create_payment()
    customer.goto(link)

    with customer.expect_response(lambda answer: answer.url.startswith(f"{pages}/success")) as first:
        _pay(customer, "4242 4242 4242 4242")

    assert "Payment received" in first.value.text()
    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert api.status(payment_id) == "completed"


def test_a_failed_authentication_can_be_repeated(api: CheckoutApi, customer: Page) -> None:
    payment_id, link = api.create_payment()
    customer.goto(link)
    _pay(customer, "4000 0025 0000 3155")
    customer.get_by_role("button", name="Fail").click()
    expect(customer.locator("#error")).to_be_visible()
    until(lambda: api.status(payment_id) == "failed")

    customer.get_by_label("CVC").fill("123")
    customer.locator("#pay").click()
    customer.get_by_role("button", name="Complete").click()

    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert api.status(payment_id) == "completed"


def test_the_pay_page_is_accessible_after_a_decline(
    api: CheckoutApi, customer: Page, axe_violations: Callable[[Page], list[str]]
) -> None:
    _, link = api.create_payment()
    customer.goto(link)
    assert axe_violations(customer) == []

    _pay(customer, "4000 0000 0000 9995")

    expect(customer.locator("#error")).to_be_visible()
    assert axe_violations(customer) == []


def test_a_second_card_completes_a_declined_payment(api: CheckoutApi, customer: Page) -> None:
    payment_id, link = api.create_payment()
    customer.goto(link)
    _pay(customer, "4000 0000 0000 9995")
    expect(customer.get_by_text("insufficient funds")).to_be_visible()

    _pay(customer, "4242 4242 4242 4242")

    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert api.status(payment_id) == "completed"


def test_a_customer_who_left_can_go_back_and_pay(api: CheckoutApi, customer: Page, pages: str) -> None:
    payment_id, link = api.create_payment()
    customer.goto(link)
    customer.locator("#cancel").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text("You left the payment page")
    assert customer.url.startswith(f"{pages}/cancel?session_id=cs_test_")
    assert api.status(payment_id) == "pending"

    customer.get_by_role("link", name="Continue to the payment page").click()
    _pay(customer, "4242 4242 4242 4242")

    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert api.status(payment_id) == "completed"


def test_the_cancel_page_shows_what_another_tab_paid(api: CheckoutApi, customer: Page) -> None:
    _, link = api.create_payment()
    customer.goto(link)
    with customer.context.expect_page() as opened:
        customer.evaluate("window.open(location.href)")
    _pay(opened.value, "4242 4242 4242 4242")
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Payment received")

    customer.locator("#cancel").click()

    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")


def test_a_declined_page_leads_back_to_the_pay_page(api: CheckoutApi, customer: Page, pages: str) -> None:
    payment_id, link = api.create_payment()
    customer.goto(link)
    _pay(customer, "4000 0000 0000 9995")
    expect(customer.get_by_text("insufficient funds")).to_be_visible()
    customer.locator("#cancel").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment not completed")

    customer.get_by_role("link", name="Try again").click()
    _pay(customer, "4242 4242 4242 4242")

    expect(customer.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert customer.url.startswith(f"{pages}/success")
    assert api.status(payment_id) == "completed"


def test_an_unknown_session_is_a_404_after_a_minute(customer: Page, pages: str) -> None:
    answer = customer.goto(f"{pages}/success?session_id=cs_test_unknown&since=1")

    assert answer is not None
    assert answer.status == 404
    expect(customer.get_by_role("heading", level=1)).to_have_text("We cannot find this payment")
