import json
from datetime import UTC, datetime

import pytest

from lea_demo.output import Line, forward_command, read_line
from lea_demo.settings import DemoSettings
from lea_payments.stripe.events import TRANSLATORS

SESSION = "cs_test_a1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {
                "event": "webhook_answered",
                "event_type": "checkout.session.completed",
                "outcome": "applied",
                "payment_id": "p1",
            },
            ("p1", "checkout.session.completed → applied"),
            id="delivery",
        ),
        pytest.param(
            {"event": "webhook_answered", "event_type": "unread", "outcome": "invalid_signature", "reason": "too_old"},
            ("", "unread → invalid_signature (too_old)"),
            id="rejected delivery",
        ),
        pytest.param(
            {"event": "payment_failed", "payment_id": "p1", "reason": "card_declined:insufficient_funds"},
            ("p1", "payment failed (card_declined:insufficient_funds)"),
            id="final status",
        ),
        pytest.param(
            {"event": "checkout_session_opened", "payment_id": "p1", "session_id": SESSION, "reused": False},
            ("p1", "pay link created"),
            id="link",
        ),
        pytest.param(
            {"event": "checkout_session_opened", "payment_id": "p1", "session_id": SESSION, "reused": True},
            ("p1", "pay link returned again"),
            id="link again",
        ),
        pytest.param(
            {"event": "stripe_call_failed", "level": "warning", "code": "stripe_busy", "trace_id": "ab", "x": None},
            ("", "stripe_call_failed code=stripe_busy"),
            id="another event, with its fields",
        ),
        pytest.param({"event": "service_started", "service": "pages"}, None, id="start"),
        pytest.param({"event": "Started", "logger": "uvicorn.error", "level": "info"}, None, id="library"),
        pytest.param(
            {"event": "webhook_answered", "event_type": "other", "outcome": "ignored"}, None, id="ignored event"
        ),
    ],
)
def test_a_log_line_becomes_a_sentence(fields: dict[str, object], expected: tuple[str, str] | None) -> None:
    line = read_line("webhook", json.dumps(fields))

    assert (line and (line.payment_id, line.message)) == expected


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("INFO:     Application startup complete.", None),
        ("", None),
        ("ERROR:    address already in use", "red"),
        ("ModuleNotFoundError: No module named 'httpx'", "yellow"),
    ],
)
def test_plain_text_is_shown_if_it_is_a_warning(text: str, style: str | None) -> None:
    line = read_line("stripe", text)

    assert (line and line.style) == style


def test_a_traceback_is_shown_below_its_line() -> None:
    fields = {"event": "webhook_failed", "level": "error", "exception": "Traceback:\nValueError: x"}

    line = read_line("webhook", json.dumps(fields))

    assert line is not None
    assert line.style == "red"
    assert line.text().plain.splitlines()[1:] == [f"{'':10}Traceback:", f"{'':10}ValueError: x"]


def test_times_are_in_the_local_time_zone() -> None:
    moment = datetime(2026, 1, 2, 23, 59, 58, tzinfo=UTC)

    line = read_line("pages", json.dumps({"event": "x", "timestamp": moment.isoformat()}))

    assert line is not None
    assert line.time == moment.astimezone().strftime("%H:%M:%S")


def test_columns_are_aligned() -> None:
    short, long = Line("12:00:00", "pages", "x"), Line("12:00:00", "checkout", "x", payment_id="payment_demo_12345678")

    assert short.text().plain.index("x") == long.text().plain.index("x", 40)


def test_text_that_looks_like_markup_is_not_changed() -> None:
    line = read_line("webhook", json.dumps({"event": "[red]x[/red]"}))

    assert line is not None
    assert "[red]x[/red]" in line.text().plain


def test_exactly_the_used_events_are_forwarded() -> None:
    command = forward_command(DemoSettings.model_validate({"DEMO_WEBHOOK_PORT": "9000"}))

    before, _, events = command.partition(" --events ")
    assert before == "stripe listen --forward-to localhost:9000/webhook/stripe"
    assert events.split(",") == list(TRANSLATORS)
