"""Uses the emulator's pages in a browser, at the width of a phone and of a desktop."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import axe_violations
from tests.support.emulator import EmulatorClient
from tests.support.examples import examples
from tests.support.http_server import BackgroundServer

pytestmark = pytest.mark.browser
WIDTHS = {"phone": 390, "desktop": 1280}
WRONG = {
    "empty": ("", "", "", "cardnumber", "Your card number is incomplete."),
    "letters": ("abcd", "12 / 40", "123", "cardnumber", "Your card number is not a card number."),
    "unknown card": ("4000 0000 0000 1234", "12 / 40", "123", "cardnumber", "is not one of Stripe's test cards"),
    "past expiry": ("4242 4242 4242 4242", "01 / 20", "123", "expiry", "Your card's expiration date is in the past."),
    "expiry without a year": ("4242 4242 4242 4242", "12", "123", "expiry", "Use MM / YY"),
    "two digits of a CVC": ("4242 4242 4242 4242", "1240", "12", "cvc", "is incomplete. It has 3 digits."),
    "four digits of a CVC": ("4242 4242 4242 4242", "1240", "1234", "cvc", "is invalid. It has 3 digits."),
    "letters in a CVC": ("3782 822463 10005", "1240", "abcd", "cvc", "is invalid. It has 3 or 4 digits."),
}
"""The number, the expiry date and the CVC, the first wrong field, and its message."""


def _at(first: str) -> pytest.MarkDecorator:
    """Runs a test at each width, in a plain run only at the first one."""
    names = sorted(WIDTHS, key=lambda name: name != first)[: examples(1, len(WIDTHS))]
    return pytest.mark.parametrize("customer", [WIDTHS[name] for name in names], ids=names, indirect=True)


class MerchantsPage(BaseHTTPRequestHandler):
    """Answers every request with one page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Merchant</title>")

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.fixture(scope="module")
def success_url() -> Iterator[str]:
    """Yield the address of the page that a customer returns to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), MerchantsPage)
    with BackgroundServer(server):
        yield f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture(scope="module")
def customer(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield a tab for all tests with this width: each test opens the page that it needs, and there are no cookies."""
    with chromium.new_context(viewport={"width": request.param, "height": 844}) as context:
        yield context.new_page()


def _pay(customer: Page, number: str, expiry: str = "1240", cvc: str = "123") -> None:
    customer.get_by_label("Card number").fill(number)
    customer.get_by_label("Expiry").fill(expiry)
    customer.get_by_label("CVC").fill(cvc)
    customer.locator("#pay").click()


def _top(customer: Page, selector: str) -> float:
    box = customer.locator(selector).bounding_box()
    assert box is not None
    return box["y"]


def _fits(customer: Page) -> bool:
    """Return whether the page is not wider than the screen."""
    customer.wait_for_load_state("domcontentloaded")
    return bool(customer.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize(
    ("customer", "case"),
    [
        pytest.param(width, case, id=f"{case} on a {name}")
        for width_number, (name, width) in enumerate(WIDTHS.items())
        for case_number, case in enumerate(WRONG)
        if (width_number + case_number) % examples(4, 1) == 0
    ],
    indirect=["customer"],
)
def test_a_wrong_field_says_what_is_wrong(emulator: EmulatorClient, customer: Page, case: str) -> None:
    """In a plain run two cases at each width, with each of the fields."""
    number, expiry, cvc, field, message = WRONG[case]
    customer.goto(f"{emulator.url}/c/pay/{emulator.checkout().id}")
    customer.get_by_label("Email").fill("tan@example.test")
    _pay(customer, number, expiry, cvc)

    expect(customer.locator("#error")).to_contain_text(message)
    expect(customer.locator(f"#{field}")).to_be_focused()
    expect(customer.locator("#error")).to_be_in_viewport()
    typed = {"email": "tan@example.test", "cardnumber": number, "expiry": expiry, "cvc": cvc}
    assert {name: customer.locator(f"#{name}").input_value() for name in typed} == typed
    assert axe_violations(customer) == []
    assert _fits(customer)
    assert _top(customer, "#expiry") == _top(customer, "#cvc")


@_at("desktop")
def test_a_customer_authenticates(emulator: EmulatorClient, customer: Page, success_url: str) -> None:
    customer.goto(f"{emulator.url}/c/pay/{emulator.checkout(success_url=success_url).id}")
    _pay(customer, "4000002500003155")
    expect(customer.get_by_role("heading")).to_have_text("Authenticate your payment")
    violations = axe_violations(customer)
    customer.get_by_role("button", name="Complete").click()

    expect(customer).to_have_title("Merchant")
    assert violations == []


@_at("phone")
def test_a_failed_authentication_can_be_repeated(emulator: EmulatorClient, customer: Page, success_url: str) -> None:
    customer.goto(f"{emulator.url}/c/pay/{emulator.checkout(success_url=success_url).id}")
    _pay(customer, "4000 0000 0000 3220")
    assert _fits(customer)
    customer.get_by_role("button", name="Fail").click()

    expect(customer.locator("#error")).to_contain_text("unable to authenticate")
    expect(customer.get_by_label("Card number")).to_have_value("4000 0000 0000 3220")
    assert axe_violations(customer) == []
    _pay(customer, "4242 4242 4242 4242")
    expect(customer).to_have_title("Merchant")


@_at("phone")
def test_the_overview_is_accessible(emulator: EmulatorClient, customer: Page) -> None:
    session = emulator.checkout(client_reference_id="payment_" + "1" * 60)
    emulator.pay(session.id, card="4000000000003220").raise_for_status()
    customer.goto(emulator.url)
    customer.locator("summary").click()

    assert axe_violations(customer) == []
    assert _fits(customer)
    customer.get_by_role("link", name="Waits for authentication").click()
    expect(customer.get_by_role("button", name="Complete")).to_be_visible()
