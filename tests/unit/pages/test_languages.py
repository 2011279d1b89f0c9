import re
import unicodedata
from pathlib import Path

import pytest
from babel import numbers
from babel.messages.extract import extract_from_dir
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.pages import languages
from lea_payments.pages.languages import TAGS, choose
from lea_payments.payment import money

LANGUAGES = languages.load()
TRANSLATED = TAGS[1:]
PLACEHOLDER = r"%(?:\(\w+\)\w)?"


@pytest.fixture(scope="module")
def messages(root: Path) -> set[str]:
    """All messages of all pages, extracted by the tool that translators use."""
    method, options = [("**.html", "jinja2.ext:babel_extract")], {"**.html": {"silent": "false"}}
    extracted = extract_from_dir(root / "services/lea_payments/pages/templates", method, options)
    return {str(message) for _, _, message, _, _ in extracted}


@pytest.mark.parametrize("tag", TRANSLATED)
def test_the_translations_match_the_messages(tag: str, messages: set[str]) -> None:
    translations = LANGUAGES[tag].messages

    assert set(translations) == messages
    assert [message for message in messages if translations[message].strip() in ("", message)] == []


@pytest.mark.parametrize(("tag", "script"), [("zh-Hans", "CJK"), ("ta", "TAMIL"), ("ms", "LATIN")])
def test_a_translation_is_in_the_script_of_its_language(tag: str, script: str) -> None:
    for translation in LANGUAGES[tag].messages.values():
        text = re.sub(PLACEHOLDER, "", translation)
        letters = text.replace("Stripe", "") if tag != "ms" else text
        names = {unicodedata.name(letter).split()[0] for letter in letters if letter.isalpha()}
        assert names == {script}, translation


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_message(tag: str) -> None:
    for message, translation in LANGUAGES[tag].messages.items():
        assert re.findall(PLACEHOLDER, translation) == re.findall(PLACEHOLDER, message)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_the_warning_not_to_pay_again_is_translated(tag: str, messages: set[str]) -> None:
    warning = {"zh-Hans": "请勿重复付款", "ms": "jangan bayar sekali lagi", "ta": "மீண்டும்"}[tag]
    warnings = [message for message in messages if "do not pay again" in message]

    assert warnings
    assert all(warning in LANGUAGES[tag].translate(message) for message in warnings)


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "en"),
        ("en-SG,en;q=0.9,zh;q=0.8", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh-TW,zh-Hant;q=0.9", "zh-Hans"),
        ("ms-MY", "ms"),
        ("TA-sg", "ta"),
        ("en;q=0.5,ta", "ta"),
        ("en;q=0.5, ta ; q=0.7", "ta"),
        ("fr-FR,de;q=0.9", "en"),
        ("fr,ms;q=0.1", "ms"),
        ("*", "en"),
        ("en;q=0,*;q=0.5", "zh-Hans"),
        ("ta;q=0", "en"),
        ("zh;q=0.2,zh-CN;q=0.9,en;q=0.5", "zh-Hans"),
        ("ta;q=2,ms;q=x,;;,,q=1,en", "en"),
        ("fr," * 5000 + "ta", "en"),
    ],
)
def test_the_browsers_first_language_is_chosen(header: str, tag: str) -> None:
    assert choose(header) == tag


def test_a_message_without_translation_stays_english() -> None:
    assert LANGUAGES["ms"].translate("A text of next year") == "A text of next year"


@given(st.text(alphabet=st.sampled_from("enzhmsta*-;q=0.19, \t\u0661é")))
def test_any_header_gives_an_existing_language(header: str) -> None:
    assert choose(header) in LANGUAGES


@pytest.mark.parametrize(
    ("tag", "amount", "currency", "text"),
    [
        ("en", 112850, "sgd", "SGD 1,128.50"),
        ("zh-Hans", 112850, "SGD", "SGD 1,128.50"),
        ("ms", 1000, "myr", "MYR 10.00"),
        ("ta", 12345678, "inr", "INR 1,23,456.78"),
        ("en", 1234567, "jpy", "JPY 1,234,567"),
        ("en", 1230, "kwd", "KWD 1.230"),
        ("en", 500, "isk", "ISK 5"),
        ("en", 500, "ugx", "UGX 5"),
        ("en", 550, "isk", "ISK 5.50"),
        ("en", 12345, "rsd", "RSD 123.45"),
        ("en", 12050, "lak", "LAK 120.50"),
        ("ms", 1200000, "lak", "LAK 12,000.00"),
        ("zh-Hans", 17500, "huf", "HUF 175.00"),
        ("ta", 10000, "twd", "TWD 100.00"),
        ("en", 0, "sgd", "SGD 0.00"),
        ("en", 999_999_999_999, "usd", "USD 9,999,999,999.99"),
        ("en", 5, "xyz", "XYZ 0.05"),
    ],
)
def test_an_amount_is_formatted_for_currency_and_language(tag: str, amount: int, currency: str, text: str) -> None:
    assert LANGUAGES[tag].amount(amount, currency) == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("currency", sorted(money.CURRENCIES))
def test_every_currency_has_stripes_decimals(currency: str, tag: str) -> None:
    for amount in (0, 1000, 123450, 1_234_567_000, 999_999_999_990):
        code, _, number = LANGUAGES[tag].amount(amount, currency).partition("\N{NO-BREAK SPACE}")

        assert code == currency.upper()
        assert numbers.parse_decimal(number, LANGUAGES[tag].locale, strict=True) == money.major_units(amount, currency)
        assert len(number.partition(".")[2]) == money.decimals_shown(amount, currency)
