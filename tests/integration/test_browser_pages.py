"""Checks accessibility, updates without JavaScript and the security policy of the pages in a browser."""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect

from lea_payments.pages.languages import TAGS
from lea_payments.settings import TableSettings
from lea_payments.store.items import attributes_of
from tests.support import tables
from tests.support.browser import axe_violations
from tests.support.examples import examples
from tests.support.hostile_urls import HOSTILE_URLS, ORIGIN
from tests.support.page_records import CANCELED, FORMER, LINK, STATES, page_record, session_id_of
from tests.support.waiting import until

pytestmark = pytest.mark.browser

NAMES = {state: state.replace("_", "") for state in (*STATES, *FORMER, *CANCELED)}
"""The name of each state's session: Stripe's ids have no underscore there."""

ADDRESSES = (
    *(f"/success?session_id={session_id_of(name)}" for name in NAMES.values()),
    "/success?session_id=cs_test_confirming&since=1",
    "/success?session_id=cs_test_confirming&updates=off",
    "/success?session_id=cs_test_unknown",
    "/success?session_id=cs_test_unknown&since=1",
    "/success",
    "/cancel",
    "/cancel?session_id=cs_test_confirming",
    "/nothing",
)
_SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='120' height='40'><rect width='120' height='40'/></svg>"
BRAND = {
    "PAGES_BRAND_NAME": "Voyage Insurance",
    "PAGES_LOGO": f"data:image/svg+xml;base64,{base64.b64encode(_SVG).decode()}",
    "PAGES_SUPPORT_CONTACT": "mailto:help@voyage.example",
    "PAGES_CONVERSATION_URL": "https://chat.example/",
    "PAGES_NEXT_STEPS": '{"en": "Your policy arrives by e-mail within an hour."}',
    "PAGES_TIME_ZONE": "Asia/Singapore",
    "RETURN_URL_ORIGINS": ORIGIN,
}
LANGUAGES_OF_A_PAGE = examples(1, len(TAGS))
PAGES = [
    (TAGS[(at + more) % len(TAGS)], page) for at, page in enumerate(ADDRESSES) for more in range(LANGUAGES_OF_A_PAGE)
]
"""The languages and addresses of the pages: in a plain run, each address in one of the languages in turn."""
DESKTOP: ViewportSize = {"width": 1280, "height": 720}
MAX_WIDTH = dict.fromkeys(TAGS, "512px") | {"ta": "480px"}
"""The width of the text in each language: 32 times the size of the letters."""


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


class Shown(NamedTuple):
    """A page in the tab that all pages share, with the URLs and the messages of the console while it loaded."""

    page: Page
    url: str
    tag: str
    requests: Sequence[str]
    messages: Sequence[str]


@pytest.fixture(scope="module")
def put(table_settings: TableSettings) -> Iterator[Callable[..., None]]:
    """Yield `put(name, state, **fields)`, which writes a record in this state."""
    client = tables.client(table_settings)

    def put_record(name: str, state: str, **fields: str) -> None:
        client.put_item(TableName=table_settings.table, Item=attributes_of(page_record(name, state, **fields)))

    yield put_record
    client.close()


@pytest.fixture(scope="module")
def url(start_service: Callable[..., str], put: Callable[..., None]) -> str:
    for state, name in NAMES.items():
        put(name, state, checkout_link=LINK)
    return start_service("pages", **BRAND)


@pytest.fixture
def customers(chromium: Browser, url: str) -> Iterator[Customers]:
    customers = Customers(chromium, url)
    yield customers
    for page in customers.pages:
        page.close()


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Page:
    """Return a tab that shows one page after the other, which is much cheaper than a new customer for each."""
    return chromium.new_page(viewport=DESKTOP)


@pytest.fixture(scope="module", params=PAGES, ids=" ".join)
def shown(tab: Page, url: str, request: pytest.FixtureRequest) -> Shown:
    """Return each page in each of its languages; all tests of one page come one after the other, and load it once."""
    tag, address = request.param
    requests: list[str] = []
    messages: list[str] = []

    def keep_request(request: Request) -> None:
        requests.append(request.url)

    def keep_message(message: ConsoleMessage) -> None:
        messages.append(message.text)

    tab.goto(f"{url}/nothing")  # it has no script, unlike the last page, which could refresh before it is left
    tab.set_extra_http_headers({"Accept-Language": tag})
    tab.on("request", keep_request)
    tab.on("console", keep_message)
    tab.goto(url + address, wait_until="networkidle")
    tab.remove_listener("request", keep_request)
    tab.remove_listener("console", keep_message)
    return Shown(tab, url + address, tag, requests, messages)


@contextmanager
def phone(page: Page, width: int) -> Iterator[None]:
    """Shows the page in a window of this width."""
    page.set_viewport_size({"width": width, "height": 640})
    try:
        yield
    finally:
        page.set_viewport_size(DESKTOP)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(shown: Shown, scheme: Literal["light", "dark"]) -> None:
    shown.page.emulate_media(color_scheme=scheme)

    assert shown.page.locator("html").get_attribute("lang") == shown.tag
    assert axe_violations(shown.page, only_colors=scheme == "dark") == []


def test_a_page_loads_nothing_and_obeys_its_policy(shown: Shown) -> None:
    loaded = [one for one in shown.requests if not one.startswith("data:")]

    assert loaded[0] == shown.url
    assert loaded[1:] == [shown.page.url][: len(loaded) - 1], "only a redirect to the time of the visit"
    assert [text for text in shown.messages if "404" not in text] == []
    assert shown.page.locator("main").evaluate("node => getComputedStyle(node).maxWidth") == MAX_WIDTH[shown.tag]


SPLIT_WORDS = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), split = [];
  for (let text; (text = texts.nextNode());) {
    if (text.parentElement.closest("script, style, noscript, .reference")) continue;
    for (const word of text.data.matchAll(/[^\\s\\u00a0\\p{Script=Han}\\u3000-\\u303f\\uff00-\\uffef]+/gu)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) split.push(word[0]);
    }
  }
  return split;
}"""
"""The words of a page that continue on the next line. Chinese continues anywhere."""


def test_every_page_fits_a_window_of_320_pixels(shown: Shown) -> None:
    with phone(shown.page, 320):
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_no_word_is_split_on_a_phone(shown: Shown) -> None:
    with phone(shown.page, 390):
        assert [word for word in shown.page.evaluate(SPLIT_WORDS) if "-" not in word] == []


def test_refunds_are_shown_without_javascript(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_refunded", java_script_enabled=False, locale="en-SG")

    expect(page.get_by_role("status")).to_contain_text("A refund of SGD 10.00 is on its way.")
    expect(page.get_by_role("status")).to_contain_text("A refund of SGD 5.00 failed.")
    expect(page.get_by_role("main")).to_contain_text("SGD 28.50")


def test_the_page_without_a_table_is_accessible(
    chromium: Browser, start_service: Callable[..., str], free_port: Callable[[], int]
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


COUNT_PLANS = """
    const clear = window.clearTimeout;
    window.plans = 0;
    window.clearTimeout = (timer) => { window.plans += 1; clear(timer); };
"""
"""The page clears its timer whenever it plans a refresh or ends them."""


def _open_with_clock(customers: Customers, address: str, **options: str | bool | dict[str, int]) -> Page:
    """The page with a clock that the test moves, so that no test waits for a refresh."""
    page = customers.open("/nothing", **options)
    page.clock.install()
    page.add_init_script(COUNT_PLANS)
    page.goto(address)
    return page


def _refresh(page: Page, seconds: int) -> None:
    """Moves the clock until the page refreshes, and waits until it has planned what comes next."""
    plans = page.evaluate("plans")
    with page.expect_response(lambda response: "session_id=" in response.url):
        page.clock.run_for(1000 * seconds)
    until(lambda: page.evaluate("plans") > plans)


@pytest.mark.parametrize("state", ["confirming", "awaiting", "declined"])
def test_refreshes_keep_focus_and_add_no_history(customers: Customers, put: Callable[..., None], state: str) -> None:
    put(f"focus{state}", state)
    page = _open_with_clock(customers, f"/success?session_id=cs_test_focus{state}")
    before, url = page.evaluate("history.length"), page.url
    link = page.get_by_role("link", name="Check again now")
    link.focus()

    for seconds in (12, 36, 72):
        _refresh(page, seconds)

        expect(link).to_be_focused()
    assert (page.evaluate("history.length"), page.url) == (before, url)
    page.go_back()
    assert page.url.endswith("/nothing")


def test_checking_again_keeps_the_focus(customers: Customers, put: Callable[..., None]) -> None:
    put("again", "awaiting")
    page = customers.open("/success?session_id=cs_test_again")
    before = page.evaluate("history.length")
    link = page.get_by_role("link", name="Check again now")
    link.focus()

    with page.expect_response(lambda response: "session_id=" in response.url):
        page.keyboard.press("Enter")

    expect(link).to_be_focused()
    assert page.evaluate("history.length") == before


def test_a_refresh_shows_the_new_state_and_keeps_a_focus(customers: Customers, put: Callable[..., None]) -> None:
    """The link to check again is gone, so the heading of the new state has the focus."""
    put("settled", "awaiting")
    page = _open_with_clock(customers, "/success?session_id=cs_test_settled")
    page.get_by_role("link", name="Check again now").focus()
    put("settled", "completed")
    _refresh(page, 12)

    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Payment received")
    expect(heading).to_be_focused()
    expect(page).to_have_title("Payment received · Voyage Insurance")
    expect(page.get_by_role("navigation")).to_be_hidden()


def test_a_script_counts_the_refreshes_from_the_visit(customers: Customers, put: Callable[..., None]) -> None:
    """A tab that is opened again on the next day has the time of its first visit in its URL."""
    put("tomorrow", "awaiting")
    page = _open_with_clock(customers, "/success?session_id=cs_test_tomorrow&since=1")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    for seconds in (12, 36, 72, 144, 360, 360):
        _refresh(page, seconds)

    assert len(requests) == 6


def test_a_refresh_survives_an_outage_of_the_network(customers: Customers, put: Callable[..., None]) -> None:
    put("offline", "awaiting")
    page = _open_with_clock(customers, "/success?session_id=cs_test_offline")
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.clock.run_for(12_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your payment is on its way")
    page.context.set_offline(False)
    put("offline", "completed")
    _refresh(page, 36)

    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


@pytest.mark.parametrize("state", ["confirming", "awaiting"])
def test_without_javascript_refreshes_add_no_history(
    customers: Customers, put: Callable[..., None], state: str
) -> None:
    put(f"plain{state}", state)
    page = customers.open("/nothing", java_script_enabled=False)
    page.goto(f"/success?session_id=cs_test_plain{state}")
    url = page.url
    with page.expect_event("load", timeout=60_000):
        pass

    assert page.url == url
    page.go_back()
    assert page.url.endswith("/nothing")


@pytest.mark.parametrize("state", ["completed", "expired", "failed"])
@pytest.mark.parametrize("route", ["success", "cancel"])
def test_the_customer_returns_with_the_payment_id_only(
    customers: Customers, put: Callable[..., None], state: str, route: str
) -> None:
    """The browser sends nothing else: no referrer, and no reference to the page that it comes from."""
    put("back", state, return_url=f"{ORIGIN}/c/7?lang=en")
    page = customers.open(f"/{route}?session_id={session_id_of('back')}")
    page.route(f"{ORIGIN}/**", lambda route: route.fulfill(body="the conversation"))

    with page.expect_request(f"{ORIGIN}/**") as sent:
        page.locator("#back").click()

    assert sent.value.url == f"{ORIGIN}/c/7?lang=en&payment_id=payment_back"
    assert "referer" not in sent.value.all_headers()
    assert page.evaluate("window.opener") is None


WAYS_BACK = """addresses => Promise.all(addresses.map(async (address) => {
  const response = await fetch(address);
  return new DOMParser().parseFromString(await response.text(), "text/html").getElementById("back").href;
}))"""
"""Where the customer would return to from the pages at these addresses."""


def test_a_hostile_return_url_leads_to_no_foreign_site(customers: Customers, put: Callable[..., None]) -> None:
    """As the browser reads the address of the link, for records that somebody has written by hand."""
    page = customers.open(f"/success?session_id={session_id_of('awaiting')}")
    addresses = []
    for number, url in enumerate(HOSTILE_URLS):
        put(f"hostile{number}", "completed", return_url=url)
        addresses.append(f"/success?session_id={session_id_of(f'hostile{number}')}")

    assert page.evaluate(WAYS_BACK, addresses) == [BRAND["PAGES_CONVERSATION_URL"]] * len(HOSTILE_URLS)


def test_a_receipt_is_printed_without_links_and_colours(customers: Customers, put: Callable[..., None]) -> None:
    put("printed", "completed_by_card", return_url=f"{ORIGIN}/c/7")
    page = customers.open(f"/success?session_id={session_id_of('printed')}", color_scheme="dark")
    page.emulate_media(media="print")

    for hidden in ("#back", ".hint", ".screen", "nav"):
        expect(page.locator(hidden).first).to_be_hidden()
    for shown in (
        *("Voyage Insurance", "Single-trip travel insurance, Japan, 10 days", "SGD", "Visa ending in 4242"),
        *("27 November 2026", "payment_printed", "help@voyage.example"),
    ):
        expect(page.get_by_text(shown).first).to_be_visible()
    expect(page.locator("header img")).to_be_visible()
    for selector in ("h1", "dd", "dt", "footer p"):
        expect(page.locator(selector).first).to_have_css("color", "rgb(0, 0, 0)")
    expect(page.locator(".card")).to_have_css("background-color", "rgb(255, 255, 255)")
    assert page.pdf().startswith(b"%PDF")


def test_a_reference_is_selected_with_one_click(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_unknown&since=1")
    page.get_by_text("cs_test_unknown").click()

    assert page.evaluate("getSelection().toString().trim()") == "cs_test_unknown"


def test_a_customer_can_stop_updates_and_check_again(customers: Customers, put: Callable[[str, str], None]) -> None:
    put("stopped", "confirming")
    page = customers.open("/success?session_id=cs_test_stopped")
    page.get_by_role("link", name="Stop automatic updates").click()
    expect(page.get_by_text("This page does not update automatically.")).to_be_visible()
    put("stopped", "completed")
    page.get_by_role("link", name="Check again now").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


def test_every_link_can_be_touched_and_focused(customers: Customers) -> None:
    page = customers.open("/success?session_id=cs_test_awaiting")
    links = page.get_by_role("link").all()

    assert len(links) == 4
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
    assert not re.search(r"https?://(?!www\.w3\.org|chat\.example/\")", page.content())
