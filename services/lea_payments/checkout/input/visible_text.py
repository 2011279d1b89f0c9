"""Checks that a text can be seen and shown: no control or format characters, and not only invisible ones."""

import unicodedata

ZERO_WIDTH_JOINERS = "\u200c\u200d"
"""ZWNJ and ZWJ shape words in Persian and in the languages of India, and join emoji."""

REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control and format characters, surrogates, line and paragraph separators: they reorder, hide or break text."""

_INVISIBLE_RANGES = (
    ("\u034f", "\u034f"),  # combining grapheme joiner
    ("\u115f", "\u1160"),  # Hangul fillers
    ("\u17b4", "\u17b5"),  # Khmer inherent vowels
    ("\u180b", "\u180f"),  # Mongolian variation selectors
    ("\u200c", "\u200d"),  # zero width joiners
    ("\u2065", "\u2065"),  # unassigned, between format characters
    ("\u2800", "\u2800"),  # Braille blank
    ("\u3164", "\u3164"),  # Hangul filler
    ("\ufe00", "\ufe0f"),  # variation selectors
    ("\uffa0", "\uffa0"),  # half-width Hangul filler
    ("\ufff0", "\ufff8"),  # unassigned, reserved for invisible characters
    ("\U00016fe4", "\U00016fe4"),  # Khitan filler
    ("\U0001d159", "\U0001d159"),  # null note head
    ("\U000e0000", "\U000e0fff"),  # tags and variation selectors
)
"""What Unicode calls default ignorable (DerivedCoreProperties.txt), and characters whose picture is empty."""


def checked(text: str) -> str:
    """Returns the text. Raises ValueError with what to do if it contains a refused character or nothing visible."""
    for position, character in enumerate(text, start=1):
        if is_refused(character):
            raise ValueError(
                f"character {position} is U+{ord(character):04X}, a control or format character; remove it"
            )
    if all(map(is_invisible, text)):
        raise ValueError("the text has no visible character; send one that people can read")
    return text


def is_refused(character: str) -> bool:
    """Whether no text may contain this character."""
    return unicodedata.category(character) in REFUSED_CATEGORIES and character not in ZERO_WIDTH_JOINERS


def is_invisible(character: str) -> bool:
    """Whether this character alone shows nothing."""
    return character.isspace() or any(first <= character <= last for first, last in _INVISIBLE_RANGES)
