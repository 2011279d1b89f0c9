import json
import re

import pytest

from lea_demo.output import event_line, links
from lea_demo.settings import DemoSettings
from lea_payments.stripe.events import EVENT_TYPES


def line_of(service: str, /, **fields: object) -> str | None:
    return event_line(service, json.dumps({"level": "info", **fields}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param(
            {
                "event": "webhook_answered",
                "event_type": "checkout.session.completed",
                "outcome": "applied",
                "payment_id": "p1",
                "http_status": 200,
            },
            ["p1", "webhook_answered", "checkout.session.completed", "applied"],
            id="delivery",
        ),
        pytest.param(
            {"event": "webhook_answered", "event_type": "unread", "outcome": "invalid_signature", "reason": "too_old"},
            ["webhook_answered", "unread", "invalid_signature", "too_old"],
            id="rejected delivery",
        ),
        pytest.param(
            {"event": "payment_failed", "payment_id": "p1", "reason": "card_declined:insufficient_funds"},
            ["p1", "payment_failed", "card_declined:insufficient_funds"],
            id="final status",
        ),
        pytest.param(
            {"event": "checkout_session_opened", "payment_id": "p1", "session_id": "cs_test_a1", "reused": False},
            ["p1", "checkout_session_opened"],
            id="link",
        ),
        pytest.param(
            {"event": "page_shown", "page": "success", "status": "completed", "payment_id": "p1"},
            ["p1", "page_shown", "success", "completed"],
            id="page",
        ),
        pytest.param(
            {"event": "stripe_call_failed", "level": "warning", "code": "stripe_busy", "trace_id": "ab"},
            ["stripe_call_failed", "stripe_busy"],
            id="warning",
        ),
        pytest.param(
            {"event": "Address in use", "logger": "uvicorn.error", "level": "error"},
            ["Address", "in", "use"],
            id="library's error",
        ),
    ],
)
def test_a_line_has_time_service_payment_and_event(fields: dict[str, object], words: list[str]) -> None:
    line = line_of("webhook", **fields)

    assert line is not None
    clock, *others = line.split()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
    assert others == ["webhook", *words]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"event": "service_started", "service": "pages"}, id="start"),
        pytest.param({"event": "Started", "logger": "uvicorn.error", "level": "info"}, id="library"),
        pytest.param({"event": "webhook_answered", "event_type": "other", "outcome": "ignored"}, id="ignored event"),
    ],
)
def test_what_a_person_does_not_need_is_not_shown(fields: dict[str, object]) -> None:
    assert line_of("webhook", **fields) is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("INFO:     Application startup complete.", False),
        ("", False),
        ("ERROR:    address already in use", True),
        ("ModuleNotFoundError: No module named 'httpx'", True),
    ],
)
def test_plain_text_is_shown_if_it_is_a_warning(written: str, *, shown: bool) -> None:
    line = event_line("emulator", written)

    assert (line is not None) is shown
    assert line is None or line.endswith(f"emulator  {written}")


def test_a_traceback_is_shown() -> None:
    line = line_of("webhook", event="webhook_failed", level="error", exception="Traceback:\nValueError: x")

    assert line is not None
    assert line.endswith("webhook_failed Traceback:\n  ValueError: x")


def test_columns_are_aligned() -> None:
    short, long = line_of("pages", event="x"), line_of("checkout", event="x", payment_id="payment_demo_12345678")

    assert short is not None
    assert long is not None
    assert short.rindex("x") == long.rindex("x")


def test_exactly_the_used_events_are_forwarded() -> None:
    sandbox = {"STRIPE_SECRET_KEY": "sk_test_mine", "DEMO_WEBHOOK_PORT": "9000"}
    text = links(DemoSettings.model_validate(sandbox), "p1", "https://checkout.stripe.com/c/pay/x")

    command, _, events = text.splitlines()[-1].partition(" --events ")
    assert command == "  stripe listen --forward-to localhost:9000/webhook/stripe"
    assert events.split(",") == list(EVENT_TYPES)


def test_each_command_to_copy_is_on_one_line() -> None:
    settings = DemoSettings.model_validate({})

    text = links(settings, "p1", "http://localhost:8087/c/pay/x")

    commands = [line for line in text.splitlines() if line.startswith("  ")]
    assert [command.split()[0] for command in commands if not command.startswith("    ")] == [
        "curl",
        ".venv/bin/lea-demo",
        f"DDB_ENDPOINT={settings.url('dynamodb')}",
    ]
    assert json.loads(commands[1].partition(" -d '")[2].rstrip("'"))["amount"] == 12000


def test_a_token_that_somebody_set_is_not_shown() -> None:
    text = links(DemoSettings.model_validate({"PAYMENTS_API_TOKEN": "mine"}), "p1", "http://localhost:8087/c/pay/x")

    assert "Bearer $PAYMENTS_API_TOKEN" in text
    assert "mine" not in text
