from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from msgspec.structs import replace

from lea_payments.payment.facts import Fact, Kind
from lea_payments.stripe.checkout_sessions import (
    CheckoutSession,
    UnreadableSessionError,
    idempotency_key,
    open_link,
    params_of,
    session_of,
)
from tests.support import odd_json
from tests.support.scenarios import record

RECORD = replace(record("payment_1"), checkout_attempt=2, checkout_attempt_at="2026-01-01T00:00:00.000Z")


def test_the_parameters_describe_the_payment() -> None:
    params = params_of(RECORD, "https://pay.example/")
    (item,) = params["line_items"]

    assert params["client_reference_id"] == "payment_1"
    assert params["metadata"] == {"payment_intent_id": "payment_1", "attempt": "2"}
    assert (item["price_data"]["currency"], item["price_data"]["unit_amount"]) == ("sgd", 4999)
    assert "locale" not in params


def test_both_pages_learn_the_session() -> None:
    """Stripe replaces the placeholder only if its braces are not escaped."""
    params = params_of(RECORD, "https://pay.example/")

    assert params["success_url"] == "https://pay.example/success?session_id={CHECKOUT_SESSION_ID}"
    assert params["cancel_url"] == "https://pay.example/cancel?session_id={CHECKOUT_SESSION_ID}"


LINK = "https://checkout.stripe.com/c/pay/cs_test_a#fid"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of RECORD's attempt."""


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        (LINK, True),
        ("https://pay.shop.example/c/pay/cs_test_a", True),
        ("http://localhost:8087/c/pay/cs_test_a", True),
        ("http://127.0.0.1:8087/c/pay/cs_test_a", True),
        ("http://localhost.evil.example/", False),
        ("http://checkout.stripe.com/c/pay/cs_test_a", False),
        ("https://checkout.stripe.com@evil.example/", False),
        ("javascript:alert(1)", False),
        ("//evil.example", False),
        ("https://pay.example/\n", False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_link_to_a_pay_page_is_shown(link: str | None, *, shown: bool) -> None:
    assert open_link(replace(RECORD, checkout_link=link), BEGAN) == (link if shown else None)


@pytest.mark.parametrize(("hours", "shown"), [(22, True), (23, False)])
def test_a_link_is_shown_until_it_expires(hours: int, *, shown: bool) -> None:
    record = replace(RECORD, checkout_link=LINK)

    assert (open_link(record, BEGAN + timedelta(hours=hours)) is not None) is shown
    assert open_link(replace(record, checkout_attempt_at=None), BEGAN + timedelta(hours=hours)) == LINK


def test_the_link_of_a_payment_that_cannot_be_paid_is_hidden() -> None:
    paid = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", attempt=2)

    assert open_link(replace(RECORD, checkout_link=LINK, facts={"cs_test_a": paid}), BEGAN) is None


def test_the_payment_intent_has_the_attempt_too() -> None:
    """Stripe does not copy the session's metadata, and a decline is an event of the PaymentIntent."""
    params = params_of(RECORD, "https://pay.example")

    assert params["payment_intent_data"]["metadata"] == params["metadata"]


def test_trace_and_language_are_sent_if_the_record_has_them() -> None:
    params = params_of(replace(RECORD, traceparent="00-1-2-01", checkout_locale="de"), "https://pay.example")

    assert params["payment_intent_data"]["metadata"]["traceparent"] == "00-1-2-01"
    assert params["locale"] == "de"


@pytest.mark.parametrize(("locale", "sent"), [("de", "de"), ("zh-SG", "zh"), ("ta", "auto"), ("klingon", None)])
def test_stripe_gets_a_language_that_its_pay_page_has(locale: str, sent: str | None) -> None:
    params = params_of(replace(RECORD, checkout_locale=locale), "https://pay.example")

    assert params.get("locale") == sent


def test_each_attempt_has_its_own_idempotency_key() -> None:
    assert idempotency_key(RECORD) == "checkout-payment_1-2"


OPEN = odd_json.SESSION


def _response(**fields: object) -> Any:
    return stripe.checkout.Session.construct_from({**OPEN, **fields}, "key")


def test_an_open_session_has_its_link() -> None:
    session = session_of(_response(), http_links=False)

    assert session == CheckoutSession("cs_1", "open", str(OPEN["url"]), 1767308400)


@pytest.mark.parametrize("url", [None, "javascript:alert(1)"])
@pytest.mark.parametrize("status", ["complete", "expired"])
def test_a_closed_session_has_no_link(status: str, url: str | None) -> None:
    assert session_of(_response(status=status, url=url), http_links=False).url == ""


@pytest.mark.parametrize("url", [None, 5, *odd_json.URLS], ids=ascii)
def test_a_session_without_an_https_link_is_unreadable(url: object) -> None:
    with pytest.raises(UnreadableSessionError):
        session_of(_response(url=url), http_links=False)


@pytest.mark.parametrize("url", ["http://localhost:8087/c/pay/cs_1", "http://[::1]:8087/c", "https://a.example?x#y"])
def test_links_without_tls_are_for_the_emulator(url: str) -> None:
    assert session_of(_response(url=url), http_links=True).url == url
    if url.startswith("http:"):
        with pytest.raises(UnreadableSessionError):
            session_of(_response(url=url), http_links=False)


@pytest.mark.parametrize(
    "fields",
    [
        *({"id": value} for value in (None, "", "pi_1", "cs_", "cs_/../x", 1, ["cs_1"])),
        *({"status": value} for value in (None, "", "OPEN", "new", ["open"], 1)),
        *({"expires_at": value} for value in (None, -1, "1", 1.5, True, 10**12)),
    ],
    ids=str,
)
def test_an_odd_field_makes_a_session_unreadable(fields: dict[str, object]) -> None:
    with pytest.raises(UnreadableSessionError):
        session_of(_response(**fields), http_links=False)


@given(odd_json.RESPONSES)
def test_no_response_leads_to_a_link_without_https(response: object) -> None:
    if isinstance(response, dict):
        response = _response(**response)
    try:
        session = session_of(response, http_links=False)
    except UnreadableSessionError:
        return
    assert session.url.startswith("https://checkout.stripe.com/") == (session.status == "open")
