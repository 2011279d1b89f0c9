"""Checks accessibility, updates without JavaScript and the security policy of the pages in a browser."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from lea_payments.pages.languages import TAGS
from lea_payments.payment.record import iso
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.items import attributes_of
from tests.support.page_records import FORMER, STATES, page_record, session_id_of

pytestmark = pytest.mark.browser

NAMES = {state: state.replace("_", "") for state in (*STATES, *FORMER)}
"""The name of each state's session: Stripe's ids have no underscore there."""

ADDRESSES = (
    *(f"/success?session_id={session_id_of(name)}" for name in NAMES.values()),
    "/success?session_id=cs_test_confirming&since=1",
    "/success?session_id=cs_test_confirming&updates=off",
    "/success?session_id=cs_test_unknown",
    "/success?session_id=cs_test_unknown&since=1",
    "/success",
    "/cancel",
    "/nothing",
)
Violations = Callable[[Page], list[str]]


class Customers:
    """Opens pages as customers do, and keeps them to close them after the test."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self.pages: list[Page] = []

    def open(self, address: str, **options: str | bool | dict[str, int]) -> Page:
        page = self._browser.new_page(base_url=self._url, **options)  # type: ignore[arg-type]
        self.pages.append(page)
        page.goto(address)
        return page


@pytest.fixture(scope="module")
def put(table_settings: TableSettings) -> Iterator[Callable[..., None]]:
    """Yield `put(name, state, **fields)`, which writes a record in this state."""
    client = connection.client(table_settings)

    def put_record(name: str, state: str, **fields: str) -> None:
        client.put_item(TableName=table_settings.table, Item=attributes_of(page_record(name, state, **fields)))

    yield put_record
    client.close()


@pytest.fixture(scope="module")
def url(start_service: Callable[..., str], put: Callable[[str, str], None]) -> str:
    for state, name in NAMES.items():
        put(name, state)
    return start_service("pages")


@pytest.fixture
def customers(chromium: Browser, url: str) -> Iterator[Customers]:
    customers = Customers(chromium, url)
    yield customers
    for page in customers.pages:
        page.close()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("tag", TAGS)
def test_every_page_is_accessible_in_every_language(
    customers: Customers, axe_violations: Violations, tag: str, address: str
) -> None:
    page = customers.open(address, locale=tag)

    assert page.locator("html").get_attribute("lang") == tag
    assert axe_violations(page) == []


@pytest.mark.parametrize("state", NAMES)
def test_dark_pages_are_accessible(customers: Customers, axe_violations: Violations, state: str) -> None:
    page = customers.open(f"/success?session_id={session_id_of(NAMES[state])}", color_scheme="dark")

    assert axe_violations(page) == []


def test_refunds_are_shown_without_javascript(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_refunded", java_script_enabled=False, locale="en-SG")

    expect(page.get_by_role("status")).to_contain_text("A refund of SGD 10.00 is on its way.")
    expect(page.get_by_role("status")).to_contain_text("A refund of SGD 5.00 failed.")
    expect(page.get_by_role("main")).to_contain_text("SGD 28.50")


def test_the_page_without_a_table_is_accessible(
    chromium: Browser, start_service: Callable[..., str], free_port: Callable[[], int], axe_violations: Violations
) -> None:
    url = start_service("pages", ready_at="/livez", DDB_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    with chromium.new_page() as page:
        page.goto(f"{url}/success?session_id=cs_test_a")

        expect(page.get_by_role("heading", level=1)).to_have_text("We cannot show your payment at the moment")
        assert axe_violations(page) == []


def test_a_waiting_page_updates_without_javascript(customers: Customers, put: Callable[[str, str], None]) -> None:
    put("waiting", "confirming")
    page = customers.open("/success?session_id=cs_test_waiting", java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirming your payment")
    put("waiting", "completed")

    expect(page.get_by_role("status")).to_contain_text("Payment received", timeout=15_000)


@pytest.mark.parametrize(("state", "refreshes", "entries"), [("awaiting", 1, 0), ("confirming", 2, 1)])
def test_refreshes_add_no_history(
    customers: Customers, put: Callable[..., None], state: str, refreshes: int, entries: int
) -> None:
    """A page that confirms moves once, to the URL with the time of the first visit."""
    put(f"history{state}", state, webhook_processed_at=iso(datetime.now(UTC)))
    page = customers.open(f"/success?session_id=cs_test_history{state}")
    before = page.evaluate("history.length")
    for _ in range(refreshes):
        with page.expect_event("load", timeout=60_000):
            pass

    assert page.evaluate("history.length") - before == entries


def test_a_customer_can_stop_updates_and_check_again(customers: Customers, put: Callable[[str, str], None]) -> None:
    put("stopped", "confirming")
    page = customers.open("/success?session_id=cs_test_stopped")
    page.get_by_role("link", name="Stop automatic updates").click()
    expect(page.get_by_text("This page does not update automatically.")).to_be_visible()
    put("stopped", "completed")
    page.get_by_role("link", name="Check again now").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_loads_nothing_and_obeys_its_policy(chromium: Browser, url: str, address: str) -> None:
    requests: list[str] = []
    messages: list[str] = []
    with chromium.new_page() as page:
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.goto(url + address, wait_until="networkidle")

        assert [address for address in requests if not address.startswith("data:")] == [url + address]
        assert [text for text in messages if "404" not in text] == []
        assert page.locator("main").evaluate("node => getComputedStyle(node).maxWidth") == "512px"


@pytest.mark.parametrize("tag", TAGS)
def test_every_page_fits_a_window_of_320_pixels(customers: Customers, tag: str) -> None:
    page = customers.open("/cancel", locale=tag, viewport={"width": 320, "height": 640})

    for address in ADDRESSES:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address


def test_every_link_can_be_touched_and_focused(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_awaiting")
    links = page.get_by_role("link").all()

    assert len(links) == 2
    for link in links:
        page.keyboard.press("Tab")
        expect(link).to_be_focused()
        expect(link).to_have_css("outline-style", "solid")
        box = link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24


def test_a_page_refers_to_no_other_site(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_completed")

    assert page.evaluate("document.referrer") == ""
    assert not re.search(r"https?://(?!www\.w3\.org)", page.content())
