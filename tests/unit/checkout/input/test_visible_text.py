import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.checkout.input import visible_text
from lea_payments.checkout.input.visible_text import is_invisible, is_refused

ALL_CHARACTERS = [chr(number) for number in range(0x110000)]
VISIBLE = "Reiseversicherung"
INVISIBLE = "\u200c\u200d\u115f\u1160\u3164\uffa0\u2800\ufe0f\U000e0100\u034f\u180b\u17b4 \u00a0\u3000\u2003\u1680"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Travel insurance",
            "旅行保险 10 天",
            "பயணக் காப்பீடு",
            "Insurans perjalanan",
            "تأمین\u200cسفر",
            "👩\u200d👩\u200d👧 Familie",
        ),
        *("क्\u200dष", "Zoë's café", "❤\ufe0f", "e\u0301", "\u3164a"),
    ],
)
def test_names_in_every_script_are_accepted(text: str) -> None:
    assert visible_text.checked(text) == text


@pytest.mark.parametrize(
    "character",
    [
        *"\x00\n\t\x1b\x7f\x85\x9b",
        *"\u00ad\u061c\u180e\u200b\u200e\u200f\u202e\u2066\u2060\ufeff\u2028\u2029",
        "\U000e0041",
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_control_and_format_characters_are_named(character: str) -> None:
    with pytest.raises(ValueError, match=f"character 3 is U\\+{ord(character):04X}.*remove it"):
        visible_text.checked(f"ab{character}c")


@pytest.mark.parametrize("text", ["", *INVISIBLE, INVISIBLE], ids=ascii)
def test_an_invisible_name_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="no visible character"):
        visible_text.checked(text)


def test_exactly_the_refused_categories_are_refused() -> None:
    refused = {character for character in ALL_CHARACTERS if is_refused(character)}
    of_categories = {one for one in ALL_CHARACTERS if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}

    assert refused == of_categories - {"\u200c", "\u200d"}


def test_letters_digits_and_symbols_are_visible() -> None:
    """Except for the fillers, which Unicode counts as letters, and the Braille blank."""
    invisible = {one for one in ALL_CHARACTERS if is_invisible(one) and unicodedata.category(one)[0] in "LNPS"}

    assert invisible == set("\u115f\u1160\u2800\u3164\uffa0\U0001d159")


@given(st.text(st.sampled_from(INVISIBLE) | st.characters(), max_size=30))
def test_an_accepted_text_is_visible_and_harmless(text: str) -> None:
    try:
        visible_text.checked(text)
    except ValueError:
        assert any(map(is_refused, text)) or all(map(is_invisible, text))
        return
    assert not {unicodedata.category(one) for one in text.translate({0x200C: None, 0x200D: None})} & {
        *("Cc", "Cf", "Cs", "Zl", "Zp")
    }
    assert set(text) - set(INVISIBLE)
