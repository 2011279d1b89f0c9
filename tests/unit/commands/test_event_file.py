import codecs
import itertools
import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.commands.replaying.event_file import EventText, MoreEvents, event_texts

Encode = Callable[[str], bytes]

EVENTS = [
    {"object": "event", "id": "evt_1", "data": {"object": {"object": "list", "text": '}]\\" {[ \n é \u010a'}}},
    {"object": "event", "id": "evt_2", "data": {"object": {"refunds": [{}, [], {"a": [1]}]}}},
    {"id": "evt_3", "data": {"object": {}}},
]
FIRST, SECOND, THIRD = (json.dumps(event) for event in EVENTS)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _read(content: bytes) -> list[tuple[str, object]]:
    """The place and the value of each event; the text if it is not JSON."""
    texts = event_texts(content.splitlines(keepends=True))
    return [(text.place, _value(text.body)) for text in texts if isinstance(text, EventText)]


def _value(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


LINES = f"{FIRST}\n\n{SECOND}\r\n{THIRD}"
ENVELOPE = {"version": "0", "id": "0e1f", "source": "aws.partner/stripe.com/ed_1", "detail-type": "charge.refunded"}
ENVELOPES = [ENVELOPE | {"detail": event} for event in EVENTS]
SHAPES = {
    "EventBridge": ("\n".join(map(json.dumps, ENVELOPES)), ["line 1", "line 2", "line 3"]),
    "EventBridge, pretty-printed": ("\n".join(map(_pretty, ENVELOPES)), ["line 1", "line 17", "line 40"]),
    "array of EventBridge": (json.dumps(ENVELOPES), [f"line 1, element {number}" for number in (1, 2, 3)]),
    "JSON lines": (LINES, ["line 1", "line 3", "line 4"]),
    "pretty-printed": ("\n".join(map(_pretty, EVENTS)), ["line 1", "line 11", "line 28"]),
    "pretty-printed without indentation": (
        "\n".join(json.dumps(event, indent=0) for event in EVENTS),
        ["line 1", "line 11", "line 28"],
    ),
    "array": (json.dumps(EVENTS), [f"line 1, element {number}" for number in (1, 2, 3)]),
    "pretty-printed array": (_pretty(EVENTS), [f"line 1, element {number}" for number in (1, 2, 3)]),
    "array of lines": (f"[\n{FIRST},\n{SECOND},\n{THIRD}\n]\n", [f"line 1, element {n}" for n in (1, 2, 3)]),
    "list, newest first": (
        _pretty({"object": "list", "data": EVENTS[::-1], "has_more": False}),
        [f"line 1, element {number}" for number in (3, 2, 1)],
    ),
    "list of lines": (
        f'{{"object": "list", "data":\n[\n{THIRD},\n{SECOND},\n{FIRST}\n]}}',
        [f"line 1, element {number}" for number in (3, 2, 1)],
    ),
}


@pytest.mark.parametrize(("text", "places"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
    ],
    ids=["UTF-8", "UTF-8 with BOM", "UTF-16", "UTF-16 big-endian", "UTF-16 without BOM"],
)
def test_every_shape_and_encoding_gives_the_same_events(text: str, places: list[str], encode: Encode) -> None:
    chunks = [chunk + b"\n" for chunk in encode(text).split(b"\n")]
    chunks[-1] = chunks[-1][:-1]
    texts = [text for text in event_texts(chunks) if isinstance(text, EventText)]
    read = [(text.place, json.loads(text.body)) for text in texts]

    assert [value for _, value in read] == EVENTS
    assert [place for place, _ in read] == places


@pytest.mark.parametrize(
    "broken",
    [
        "not JSON",
        '{"id": "evt_9", "data"',
        '{"id": "evt_9", "data": {"a": "b',
        '{"id": "evt_9", "data": [1, {"a": 1}',
        '{"id": "evt_9",',
        '{"id": "evt_9", "data":',
        '{"id": "evt_9", "data": {"object":',
        '{"id": "evt_9", "data": {"a": "x:',
        '{"id": "evt_9", "data": {"a": [',
        '{"id": "evt_9", "data": {"a": [1,',
        '{"id": "evt_9", "data": {"a": [{"b": [],',
        '{"id": "evt_9", "a": [',
        '{"id": "evt_9"}}',
        "]",
        '{"id": "evt_9"} {"id": "evt_8"}',
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_a_broken_line_does_not_affect_the_next_one(broken: str) -> None:
    read = _read(f"{FIRST}\n{broken}\n{SECOND}\n{THIRD}".encode())

    assert [place for place, _ in read] == ["line 1", "line 2", "line 3", "line 4"]
    assert [value for _, value in read if isinstance(value, dict)] == EVENTS


@pytest.mark.parametrize(
    "broken", ['{"id": "evt_9", "data":', '{"id": "evt_9", "data": {"a": [1,', '{"id": "evt_9", "a": [']
)
def test_a_broken_line_does_not_affect_a_pretty_event(broken: str) -> None:
    read = _read(f"{FIRST}\n{broken}\n{_pretty(EVENTS[1])}\n{THIRD}".encode())

    assert [place for place, _ in read] == ["line 1", "line 2", "line 3", "line 20"]
    assert [value for _, value in read if isinstance(value, dict)] == EVENTS


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f'[\n{FIRST},\n{SECOND},\n{THIRD},\n{{"id": "evt_9", "da', ["line 2", "line 3", "line 4", "line 5"]),
        (f'[\n{FIRST},\n{{"id": "evt_9", "data":\n{SECOND},\n{THIRD}\n]', [f"line {n}" for n in (2, 3, 4, 5, 6)]),
        (f'{{"object": "list", "data":\n[\n{FIRST},\n{SECOND},\n{THIRD}', [f"line {n}" for n in (1, 3, 4, 5)]),
    ],
    ids=["at the end", "an element", "list"],
)
def test_the_whole_events_of_a_cut_array_are_read(text: str, places: list[str]) -> None:
    read = _read(text.encode())

    assert [place for place, _ in read] == places
    assert [value for _, value in read if isinstance(value, dict)] == EVENTS


@pytest.mark.parametrize(("events", "last_id"), [(EVENTS[::-1], "evt_1"), ([], "")])
def test_a_list_with_more_events_is_reported(events: list[object], last_id: str) -> None:
    content = _pretty({"object": "list", "data": events, "has_more": True}).encode()

    *_, last = event_texts(content.splitlines(keepends=True))

    assert last == MoreEvents("line 1", last_id)


def test_a_file_that_ends_early_is_one_unreadable_event() -> None:
    assert _read(f'{FIRST}\n{{\n  "id": "evt_2",\n'.encode()) == [
        ("line 1", EVENTS[0]),
        ("line 2", '{\n"id": "evt_2",'),
    ]


@pytest.mark.parametrize("content", [b"", b"\n \n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"[]"])
def test_an_empty_file_has_no_events(content: bytes) -> None:
    assert _read(content) == []


def test_joined_files_with_byte_order_marks_are_read() -> None:
    marked = codecs.BOM_UTF8 + FIRST.encode() + b"\n"

    assert _read(marked * 2) == [("line 1", EVENTS[0]), ("line 2", EVENTS[0])]


def test_json_lines_are_read_one_at_a_time() -> None:
    def endless() -> Iterator[bytes]:
        yield from itertools.repeat(FIRST.encode() + b"\n")

    assert [text.place for text in itertools.islice(event_texts(endless()), 3)] == ["line 1", "line 2", "line 3"]


@given(st.binary())
def test_no_content_is_an_error(content: bytes) -> None:
    for text in event_texts(content.splitlines(keepends=True)):
        assert text.place.startswith("line ")


@pytest.mark.parametrize("detail", ["text", {"id": "other"}, {"id": 5}, None, []])
def test_a_detail_that_is_no_event_is_not_unwrapped(detail: object) -> None:
    assert _read(json.dumps({"detail": detail}).encode()) == [("line 1", {"detail": detail})]
