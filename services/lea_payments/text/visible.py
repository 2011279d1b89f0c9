"""Replaces the characters that a terminal interprets, or does not show, with visible escapes; pure."""

import unicodedata

_INTERPRETED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters, surrogates, and separators of lines and paragraphs."""


def visible_text(text: str) -> str:
    r"""The text as one line that changes nothing in a terminal: a line end is `\n`, an escape character `\x1b`."""
    if text.isprintable():
        return text
    return "".join(_escape(each) if unicodedata.category(each) in _INTERPRETED else each for each in text)


def visible_lines(text: str) -> str:
    """The same, but the line ends of the text stay."""
    return "\n".join(map(visible_text, text.split("\n")))


def visible_json(document: str) -> str:
    """The same JSON with an escape of JSON for each of these characters. Those between its tokens are line ends."""
    if document.isprintable():
        return document
    return "".join(
        _json_escape(each) if each != "\n" and unicodedata.category(each) in _INTERPRETED else each for each in document
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escape(character: str) -> str:
    code = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[start : start + 4]}" for start in range(0, len(code), 4))
