"""Splits a file into Stripe's events: JSON lines, pretty-printed events, arrays and lists; performs no I/O."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""A string or a bracket. Strings are matched so that the brackets in them are not counted."""

_MARK = codecs.BOM_UTF8


class EventText(NamedTuple):
    """The JSON of one event; `place` says where it is in the file."""

    place: str
    body: bytes


class _List(msgspec.Struct, tag_field="object", tag="list"):
    data: list[msgspec.Raw]


_decode_events = msgspec.json.Decoder(list[msgspec.Raw] | _List).decode


def event_texts(chunks: Iterable[bytes]) -> Iterator[EventText]:
    """The events of a file, which is read line by line. Stripe's lists are newest first, so they are reversed."""
    for number, document in _documents(_lines(chunks)):
        place = f"line {number}"
        try:
            content = _decode_events(document)
        except (msgspec.MsgspecError, RecursionError):
            yield EventText(place, document)
            continue
        events = content.data if isinstance(content, _List) else content
        texts = [EventText(f"{place}, element {element}", bytes(event)) for element, event in enumerate(events, 1)]
        yield from reversed(texts) if isinstance(content, _List) else texts


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


def _documents(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The JSON documents and the number of their first line; a document ends where its brackets are closed.

    A `{` where JSON allows none starts a new document, so that an incomplete line does not affect the next one.
    """
    start, document = 0, list[bytes]()
    brackets = list[bytes]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if document and text.startswith(b"{") and not _allows_object(document[-1][-1:], brackets[-1]):
            yield start, b"\n".join(document)
            document, brackets = [], []
        start = start if document else number
        document.append(text)
        _count(brackets, text)
        if not brackets:
            yield start, b"\n".join(document)
            document = []
    if document:
        yield start, b"\n".join(document)


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
