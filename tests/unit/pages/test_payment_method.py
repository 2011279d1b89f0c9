import re

import pytest
from msgspec.structs import replace
from starlette.requests import Request

from lea_payments.pages import payment_method, views
from lea_payments.pages.languages import TAGS
from lea_payments.pages.payment_method import ShownMethod
from lea_payments.pages.render import Renderer
from lea_payments.pages.settings import PagesSettings
from lea_payments.payment.facts import Fact, Kind, Method
from tests.support.page_records import INTENT, page_record

RENDERER = Renderer(PagesSettings.model_validate({}))


def _page(method: str, language: str = "en", state: str = "completed") -> str:
    record = page_record("method", state)
    charge = Fact(kind=Kind.CHARGE, state="succeeded", intent=INTENT, method=method)
    record = replace(record, facts={**record.facts, "ch_1": charge})
    request = Request({"type": "http", "headers": [(b"accept-language", language.encode())]})
    return bytes(RENDERER.render(request, views.view_of(record, "cs_test_method", 0), payment=record).body).decode()


def _method(page: str) -> str:
    """The text of the payment method, without the part for screen readers."""
    match = re.search("<dt>Payment method</dt>\n<dd>(.*?)</dd>", page)
    return re.sub('<span class="spoken">.*?</span>|<[^>]*>', "", match[1]) if match else ""


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("card/visa/4242", "Visa ending in 4242"),
        ("card/amex/0005", "American Express ending in 0005"),
        ("card/unknown/4242", "Card ending in 4242"),
        ("card", "Card"),
        ("paynow", "PayNow"),
        ("sepa_debit//3000", "SEPA Direct Debit ending in 3000"),
        ("of_tomorrow", ""),
        ("card/visa/<b>42", ""),
    ],
)
def test_the_success_page_shows_how_the_customer_paid(method: str, text: str) -> None:
    assert _method(_page(method)) == text


def test_a_screen_reader_says_each_of_the_last_four_digits() -> None:
    page = _page("card/visa/4242")

    assert '<span aria-hidden="true">Visa ending in 4242</span>' in page
    assert '<span class="spoken">Visa ending in 4 2 4 2</span>' in page


@pytest.mark.parametrize("language", TAGS)
def test_the_payment_method_is_in_every_language(language: str) -> None:
    page = _page("card/unknown/4242", language)

    assert "4242" in page
    assert ("Card" in page) == ("ending in" in page) == ("Payment method" in page) == (language == "en")


@pytest.mark.parametrize("state", ["refunded", "refunded_in_full", "refund_on_its_way"])
def test_a_page_of_refunds_shows_the_payment_method(state: str) -> None:
    assert _method(_page("card/visa/4242", state=state)) == "Visa ending in 4242"


@pytest.mark.parametrize("state", ["confirming", "awaiting", "review", "declined", "failed", "expired"])
def test_a_page_without_a_payment_shows_no_method(state: str) -> None:
    assert "4242" not in _page("card/visa/4242", state=state)


def test_only_methods_with_a_name_are_shown() -> None:
    assert payment_method.shown(Method("card", "visa", "4242")) == ShownMethod("Visa", "4242", "4 2 4 2")
    assert payment_method.shown(Method("of_tomorrow")) is None
    assert payment_method.shown(None) is None
