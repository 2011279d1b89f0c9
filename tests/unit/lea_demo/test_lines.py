import json
from datetime import UTC, datetime

import pytest

from lea_demo.lines import Line, Reader

NOON = datetime(2026, 1, 2, 12, 0, 0)  # noqa: DTZ001 - the wall clock of whoever reads
SESSION = "cs_test_a1"


@pytest.fixture
def reader() -> Reader:
    return Reader(now=lambda: NOON)


def told(line: Line | None) -> tuple[str, str] | None:
    return line and (line.payment, line.what)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            {"event": "webhook", "event_type": "checkout.session.completed", "outcome": "applied", "payment": "p1"},
            ("p1", "checkout.session.completed → applied"),
            id="delivery",
        ),
        pytest.param(
            {"event": "webhook", "event_type": "unread", "outcome": "invalid_signature", "reason": "too_old"},
            ("", "unread → invalid_signature (too_old)"),
            id="refused delivery",
        ),
        pytest.param(
            {"event": "payment failed", "payment": "p1", "reason": "card_declined:insufficient_funds"},
            ("p1", "payment failed (card_declined:insufficient_funds)"),
            id="final status",
        ),
        pytest.param(
            {"event": "checkout session opened", "payment": "p1", "session": SESSION, "reused": False},
            ("p1", "pay link made"),
            id="link",
        ),
        pytest.param(
            {"event": "checkout session opened", "payment": "p1", "session": SESSION, "reused": True},
            ("p1", "pay link handed out again"),
            id="link again",
        ),
        pytest.param(
            {"event": "stripe did not do it", "level": "warning", "code": "stripe_busy", "trace_id": "ab", "x": None},
            ("", "stripe did not do it code=stripe_busy"),
            id="anything else, with what it carries",
        ),
        pytest.param({"event": "listening", "part": "pages"}, None, id="start"),
        pytest.param({"event": "Started", "logger": "uvicorn.error", "level": "info"}, None, id="library"),
        pytest.param(
            {"event": "webhook", "event_type": "other", "outcome": "ignored"}, None, id="event that we do not use"
        ),
    ],
)
def test_a_line_of_ours_becomes_a_sentence(
    reader: Reader, said: dict[str, object], expected: tuple[str, str] | None
) -> None:
    assert told(reader.read("webhook", json.dumps(said))) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (f"GET /c/pay/{SESSION}", ("p1", "the customer opens the pay page")),
        (f"POST /_pay/{SESSION}", ("p1", "the customer is done and goes to the success page")),
        ("POST /v1/refunds", ("", "POST /v1/refunds → 200")),
        ("POST /v1/checkout/sessions", None),
        ("GET /_deliveries?type=a", None),
    ],
)
def test_a_call_to_the_emulator_becomes_what_the_customer_does(
    reader: Reader, call: str, expected: tuple[str, str] | None
) -> None:
    reader.read("checkout", json.dumps({"event": "checkout session opened", "payment": "p1", "session": SESSION}))

    line = reader.read("stripe", f'INFO:     127.0.0.1:4242 - "{call} HTTP/1.1" 200 OK')

    assert told(line) == expected


@pytest.mark.parametrize(
    ("written", "style"),
    [
        ("INFO:     Application startup complete.", None),
        ("", None),
        ("ERROR:    address already in use", "red"),
        ("ModuleNotFoundError: No module named 'httpx'", "yellow"),
    ],
)
def test_text_is_shown_when_it_is_more_than_information(reader: Reader, written: str, style: str | None) -> None:
    line = reader.read("stripe", written)

    assert (line and line.style) == style


def test_a_traceback_stands_below_its_line(reader: Reader) -> None:
    said = {"event": "webhook_error", "level": "error", "exception": "Traceback:\nValueError: x"}

    line = reader.read("webhook", json.dumps(said))

    assert line is not None
    assert line.style == "red"
    assert line.text().plain.splitlines()[1:] == [f"{'':10}Traceback:", f"{'':10}ValueError: x"]


def test_times_are_those_of_the_reader_s_own_clock(reader: Reader) -> None:
    moment = datetime(2026, 1, 2, 23, 59, 58, tzinfo=UTC)

    line = reader.read("pages", json.dumps({"event": "x", "timestamp": moment.isoformat()}))

    assert line is not None
    assert line.at == moment.astimezone().strftime("%H:%M:%S")


def test_columns_stand_below_each_other() -> None:
    short, long = Line("12:00:00", "pages", "x"), Line("12:00:00", "checkout", "x", payment="payment_demo_12345678")

    assert short.text().plain.index("x") == long.text().plain.index("x", 40)


def test_what_looks_like_markup_is_shown_as_it_is(reader: Reader) -> None:
    line = reader.read("webhook", json.dumps({"event": "[red]x[/red]"}))

    assert line is not None
    assert "[red]x[/red]" in line.text().plain
