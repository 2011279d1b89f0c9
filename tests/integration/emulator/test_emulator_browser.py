"""Uses the emulator's pages in a browser, at the width of a phone and of a desktop."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.emulator import EmulatorClient
from tests.support.examples import examples

pytestmark = pytest.mark.browser
Violations = Callable[[Page], list[str]]
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


@pytest.fixture(scope="module", params=list(WIDTHS.values()), ids=list(WIDTHS))
def customer(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield a tab for all tests with this width: each test opens the page that it needs, and there are no cookies."""
    context = chromium.new_context(viewport={"width": request.param, "height": 844})
    page = context.new_page()
    page.route("http://merchant.test/**", _merchant)
    yield page
    context.close()


def _merchant(route: Route) -> None:
    route.fulfill(body="<title>Merchant</title>", content_type="text/html")


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
        if (width_number + case_number) % examples(2, 1) == 0
    ],
    indirect=["customer"],
)
def test_a_wrong_field_says_what_is_wrong(
    emulator: EmulatorClient, customer: Page, axe_violations: Violations, case: str
) -> None:
    """In a plain run each case at one of the widths."""
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


def test_a_customer_authenticates(emulator: EmulatorClient, customer: Page, axe_violations: Violations) -> None:
    customer.goto(f"{emulator.url}/c/pay/{emulator.checkout().id}")
    _pay(customer, "4000002500003155")
    expect(customer.get_by_role("heading")).to_have_text("Authenticate your payment")
    violations = axe_violations(customer)
    customer.get_by_role("button", name="Complete").click()

    expect(customer).to_have_title("Merchant")
    assert violations == []


def test_a_failed_authentication_can_be_repeated(
    emulator: EmulatorClient, customer: Page, axe_violations: Violations
) -> None:
    customer.goto(f"{emulator.url}/c/pay/{emulator.checkout().id}")
    _pay(customer, "4000 0000 0000 3220")
    assert _fits(customer)
    customer.get_by_role("button", name="Fail").click()

    expect(customer.locator("#error")).to_contain_text("unable to authenticate")
    expect(customer.get_by_label("Card number")).to_have_value("4000 0000 0000 3220")
    assert axe_violations(customer) == []
    _pay(customer, "4242 4242 4242 4242")
    expect(customer).to_have_title("Merchant")


def test_the_overview_is_accessible(emulator: EmulatorClient, customer: Page, axe_violations: Violations) -> None:
    session = emulator.checkout(client_reference_id="payment_" + "1" * 60)
    emulator.pay(session.id, card="4000000000003220").raise_for_status()
    customer.goto(emulator.url)
    customer.locator("summary").click()

    assert axe_violations(customer) == []
    assert _fits(customer)
    customer.get_by_role("link", name="Waits for authentication").click()
    expect(customer.get_by_role("button", name="Complete")).to_be_visible()
