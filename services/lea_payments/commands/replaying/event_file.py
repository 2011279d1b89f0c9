"""Splits a file into Stripe's events: lines, pretty-printed, arrays, lists, EventBridge's envelopes; without I/O."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""A string or a bracket. Strings are matched so that the brackets in them are not counted."""

_MARK = codecs.BOM_UTF8


class EventText(NamedTuple):
    """The JSON of one event; `place` says where it is in the file."""

    place: str
    body: bytes


class MoreEvents(NamedTuple):
    """A list that is not complete: Stripe has events older than `last_id`. `place` says where the list is."""

    place: str
    last_id: str


class _List(msgspec.Struct, tag_field="object", tag="list"):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Event(msgspec.Struct):
    id: str = ""


class _Envelope(msgspec.Struct):
    """An event as Amazon EventBridge wraps it."""

    detail: msgspec.Raw


_decode_events = msgspec.json.Decoder(list[msgspec.Raw] | _List).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


def event_texts(chunks: Iterable[bytes]) -> Iterator[EventText | MoreEvents]:
    """The events of a file, which is read line by line. Stripe's lists are newest first, so they are reversed."""
    for document in _documents(_lines(chunks)):
        for number, text in _readable_parts(document):
            yield from _events(f"line {number}", text)


def _events(place: str, text: bytes) -> Iterator[EventText | MoreEvents]:
    try:
        content = _decode_events(text)
    except (msgspec.MsgspecError, RecursionError):
        yield EventText(place, _unwrapped(text))
        return
    events = content.data if isinstance(content, _List) else content
    texts = [
        EventText(f"{place}, element {element}", _unwrapped(bytes(event))) for element, event in enumerate(events, 1)
    ]
    yield from reversed(texts) if isinstance(content, _List) else texts
    if isinstance(content, _List) and content.has_more:
        yield MoreEvents(place, _event_id(texts[-1].body) if texts else "")


def _unwrapped(text: bytes) -> bytes:
    """The event inside an envelope, or the text itself."""
    try:
        detail = bytes(_decode_envelope(text).detail)
    except (msgspec.MsgspecError, RecursionError):
        return text
    return detail if _event_id(detail).startswith("evt_") else text


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in UTF-8 and without byte order marks."""
    iterator = iter(chunks)
    first = next(iterator, b"")
    # `{` and a line end in UTF-16 are three bytes up to the first b"\n": the function needs two or four.
    encoding = json.detect_encoding(first[:2] if len(first) == 3 else first)
    if encoding.startswith("utf-8"):
        yield from (line.removeprefix(_MARK) for line in _chain(first, iterator))
        return
    line = ""
    for text in codecs.iterdecode(_chain(first, iterator), encoding, "replace"):
        *complete, line = (line + text).split("\n")
        yield from (each.encode() for each in complete)
    yield line.encode()


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


NumberedLine = tuple[int, bytes]


def _documents(lines: Iterable[bytes]) -> Iterator[Sequence[NumberedLine]]:
    """The lines of each JSON document; a document ends where its brackets are closed.

    A `{` where JSON allows none starts a new document, so that an incomplete line does not affect the next one.
    """
    document, brackets = list[NumberedLine](), list[bytes]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if document and text.startswith(b"{") and _starts_document(text, document[-1][1][-1:], brackets):
            yield document
            document, brackets = [], []
        document.append((number, text))
        _count(brackets, text)
        if not brackets:
            yield document
            document = []
    if document:
        yield document


def _starts_document(text: bytes, last: bytes, brackets: Sequence[bytes]) -> bool:
    """Whether a line that begins with `{` starts a new document, after a line with this last character.

    A whole event inside another object also does: the line before it is incomplete, and ends with `:` or `,` by chance.
    """
    if not _allows_object(last, brackets[-1]):
        return True
    return list(brackets) not in _EVENT_ARRAYS and _is_event(text)


_EVENT_ARRAYS = ([b"["], [b"{", b"["])
"""The open brackets where an event can follow: in an array of events, and in a list of Stripe's."""


def _readable_parts(document: Sequence[NumberedLine]) -> Iterator[NumberedLine]:
    """The document, or the parts that are readable and those that are not; each with the number of its first line."""
    text = _joined(document)
    if len(document) == 1 or _is_json(text):
        # An array that is cut off leaves lines that end with its commas.
        yield document[0][0], text.removesuffix(b",") if text.endswith(b"},") else text
    elif _is_json(_joined(document[1:])):
        # The first line is incomplete, and the document after it begins where JSON allows one.
        yield document[0]
        yield document[1][0], _joined(document[1:])
    else:
        yield from _events_and_rest(document)


def _events_and_rest(document: Sequence[NumberedLine]) -> Iterator[NumberedLine]:
    """The lines that are whole events, as in an array that is cut off, and the lines between them."""
    rest = list[NumberedLine]()
    for number, text in document:
        if not _is_event(text):
            rest.append((number, text))
            continue
        if rest and _joined(rest) not in b"[{":
            yield rest[0][0], _joined(rest)
        rest = []
        yield number, text.removesuffix(b",")
    if rest:
        yield rest[0][0], _joined(rest)


def _joined(document: Sequence[NumberedLine]) -> bytes:
    return b"\n".join(text for _, text in document)


def _is_json(text: bytes) -> bool:
    try:
        _decode_any(text)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _is_event(line: bytes) -> bool:
    """Whether the line is one whole event, perhaps with the comma of an array."""
    return _event_id(_unwrapped(line.removesuffix(b","))).startswith("evt_")


def _event_id(text: bytes) -> str:
    try:
        return _decode_event(text).id
    except (msgspec.MsgspecError, RecursionError):
        return ""


def _allows_object(last: bytes, bracket: bytes) -> bool:
    """Whether JSON allows an object after this character, inside this bracket."""
    return last in (b"[", b":") or (last == b"," and bracket == b"[")


def _count(brackets: list[bytes], text: bytes) -> None:
    """Updates the open brackets with those of a line."""
    for token in _TOKEN.findall(text):
        if token in (b"[", b"{"):
            brackets.append(token)
        elif token in (b"]", b"}") and brackets:
            brackets.pop()
