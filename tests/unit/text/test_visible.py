import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.text.visible import visible_json, visible_lines, visible_text
from tests.support.hostile_text import HOSTILE, controls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b", r"\x9b"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x7f", r"\x7f"),
        ("\u202e", r"\u202e"),
        ("\u2028", r"\u2028"),
        ("\ud83d", r"\ud83d"),
        ("\U000e0041", r"\U000e0041"),
        ("Élodie 陳　№\u00a0😀", "Élodie 陳　№\u00a0😀"),
    ],
)
def test_a_control_character_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible_text(text) == shown


def test_the_lines_of_a_text_can_be_kept() -> None:
    assert visible_lines("a\r\nb\x1b") == "a\\r\nb\\x1b"


@given(HOSTILE)
def test_nothing_else_is_changed(text: str) -> None:
    assert not controls(visible_text(text))
    assert all(each in visible_text(text) for each in text if not unicodedata.category(each).startswith(("C", "Z")))


@given(st.dictionaries(HOSTILE, HOSTILE))
def test_json_has_the_same_value(value: dict[str, str]) -> None:
    shown = visible_json(json.dumps(value, indent=2, ensure_ascii=False))

    assert not controls(shown)
    assert json.loads(shown) == json.loads(json.dumps(value))
