from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments import return_urls
from lea_payments.pages.settings import PagesSettings
from lea_payments.settings import CheckoutSettings, SettingsError, read
from tests.support.hostile_urls import HOSTILE_URLS, ORIGIN

ORIGINS = (ORIGIN, "http://localhost:3000")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (ORIGIN, f"{ORIGIN}/?payment_id=p_1"),
        (f"{ORIGIN}/c/7", f"{ORIGIN}/c/7?payment_id=p_1"),
        (f"{ORIGIN}?a=1", f"{ORIGIN}/?a=1&payment_id=p_1"),
        (f"{ORIGIN}/c?", f"{ORIGIN}/c?payment_id=p_1"),
        (f"{ORIGIN}/c?a=1&b#room", f"{ORIGIN}/c?a=1&b&payment_id=p_1#room"),
        (f"{ORIGIN}/#/room?x", f"{ORIGIN}/?payment_id=p_1#/room?x"),
        ("HTTPS://Chat.Example.com:443/A", "HTTPS://Chat.Example.com:443/A?payment_id=p_1"),
        ("http://localhost:3000/", "http://localhost:3000/?payment_id=p_1"),
    ],
)
def test_an_address_gets_the_payment_and_nothing_else(url: str, expected: str) -> None:
    assert return_urls.is_well_formed(url)
    assert return_urls.is_allowed(url, ORIGINS)
    assert return_urls.way_back(url, "p_1", ORIGINS) == expected


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_foreign_or_ambiguous_address_is_not_used(url: str) -> None:
    assert not return_urls.is_allowed(url, ORIGINS)
    assert return_urls.way_back(url, "p_1", ORIGINS) is None


def test_without_an_address_or_an_origin_there_is_no_way_back() -> None:
    assert return_urls.way_back(None, "p_1", ORIGINS) is None
    assert return_urls.way_back(ORIGIN, "p_1", ()) is None


@given(st.text(max_size=30), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_payment_id_changes_nothing_else_of_an_address(rest: str, payment_id: str) -> None:
    """Whatever a person has written: the origin is ours, and the id is one parameter."""
    back = return_urls.way_back(f"{ORIGIN}{rest}", payment_id, ORIGINS)

    if back is not None:
        parts = urlsplit(back)
        assert f"{parts.scheme}://{parts.netloc}" in (ORIGIN, f"{ORIGIN}:443")
        assert [value for name, value in parse_qsl(parts.query, keep_blank_values=True) if name == "payment_id"] == [
            payment_id
        ]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_OfTheReturnTests")
    monkeypatch.setenv("PAYMENTS_API_TOKEN", "token-of-the-return-tests")


@pytest.mark.parametrize("kind", [CheckoutSettings, PagesSettings])
def test_origins_are_read_in_one_form(
    kind: type[CheckoutSettings] | type[PagesSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETURN_URL_ORIGINS", f" HTTPS://Chat.example.com:443 ,{ORIGIN}, http://localhost:3000")

    assert read(kind).return_url_origins == ORIGINS


@pytest.mark.parametrize(
    "text", ["*", "chat.example.com", f"{ORIGIN}/", f"{ORIGIN},", "https://*.example.com", "http://chat.example.com"]
)
def test_what_is_no_origin_stops_the_service(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURN_URL_ORIGINS", text)

    with pytest.raises(SettingsError, match=r"RETURN_URL_ORIGINS: .* at number"):
        read(PagesSettings)


def test_a_program_can_give_origins_as_they_are() -> None:
    assert PagesSettings.model_validate({"RETURN_URL_ORIGINS": (ORIGIN,)}).return_url_origins == (ORIGIN,)
