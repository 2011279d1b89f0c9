import json
import re
import subprocess

import pytest

from lea_demo.machine import PORTS, variable
from lea_demo.output import event_line, start_text
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
            {"event": "notification_delivered", "payment_id": "p1", "status": "failed", "outcome": "delivered"},
            ["p1", "notification_delivered", "delivered", "failed"],
            id="notification",
        ),
        pytest.param(
            {"event": "notification_failed", "level": "warning", "payment_id": "p1", "status": "pending"},
            ["p1", "notification_failed", "pending"],
            id="failed notification",
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
    assert line is None or line.endswith(f"emulator    {written}")


def test_a_traceback_is_shown() -> None:
    line = line_of("webhook", event="webhook_failed", level="error", exception="Traceback:\nValueError: x")

    assert line is not None
    assert line.endswith("webhook_failed Traceback:\n  ValueError: x")


def test_columns_are_aligned() -> None:
    short, long = line_of("pages", event="x"), line_of("checkout", event="x", payment_id="payment_demo_12345678")

    assert short is not None
    assert long is not None
    assert short.rindex("x") == long.rindex("x")


LINK = "http://localhost:65535/c/pay/cs_test_" + "x" * 58


def text_of(**variables: str) -> list[str]:
    return [*start_text(DemoSettings.model_validate(variables), "payment_demo_12345678", LINK)]


def test_exactly_the_used_events_are_forwarded() -> None:
    lines = text_of(STRIPE_SECRET_KEY="sk_test_mine", DEMO_WEBHOOK_PORT="9000")

    command, _, events = next(line for line in lines if "stripe listen" in line).partition(" --events ")
    assert command == "  stripe listen --forward-to localhost:9000/webhook/stripe"
    assert events.split(",") == list(EVENT_TYPES)


def test_each_command_to_copy_is_on_one_line() -> None:
    commands = [line for line in text_of() if line.startswith("  ")]

    variables = (
        "DDB_ENDPOINT=http://localhost:8000 STRIPE_API_BASE=http://localhost:8087 STRIPE_SECRET_KEY=sk_test_demo"
    )
    assert commands.pop(0) == "  .venv/bin/lea-demo flow --card 4242424242424242"
    assert commands.pop(0) == "  .venv/bin/lea-demo desktop"
    assert json.loads(commands.pop(0).partition(" -d '")[2].rstrip("'"))["amount"] == 12000
    assert commands == [
        f"  {variables} .venv/bin/lea-payments show payment_demo_12345678 --stripe",
        f"  {variables} .venv/bin/lea-payments reconciler --once",
        f"  {variables} .venv/bin/lea-payments replay --since 1h",
    ]


def test_the_start_fits_on_a_small_screen_with_the_link_last() -> None:
    """The longest ports, the line before this text, and the row of the cursor."""
    lines = text_of(**{variable(name): str(65535 - number) for number, name in enumerate(PORTS)})

    rows = sum(max(1, -(-len(line) // 80)) for line in lines)
    assert 1 + rows + 1 <= 24
    assert lines[-1] == f"Pay  {LINK}"


def test_a_commands_table_is_the_demos() -> None:
    shown = [line for line in text_of(DYNAMODB_PAYMENTS_TABLE="mine") if "lea-payments" in line]

    assert all(" DYNAMODB_PAYMENTS_TABLE=mine " in line for line in shown)


def test_the_key_of_a_sandbox_is_not_shown() -> None:
    text = "\n".join(text_of(STRIPE_SECRET_KEY="sk_test_mine", STRIPE_WEBHOOK_SECRET="whsec_mine"))

    assert "mine" not in text
    assert "STRIPE_API_BASE" not in text
    assert "4242 4242 4242 4242 pays" not in text


def test_a_token_that_somebody_set_is_not_shown() -> None:
    text = "\n".join(text_of(PAYMENTS_API_TOKEN="mine"))

    assert '"Authorization: Bearer $PAYMENTS_API_TOKEN"' in text
    assert "mine" not in text


def test_of_several_tokens_a_command_has_the_first_one() -> None:
    (curl,) = [line.strip() for line in text_of(PAYMENTS_API_TOKEN="mine,older") if "curl" in line]

    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {curl}"],
        env={"PAYMENTS_API_TOKEN": "mine,older"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Authorization: Bearer mine\n" in words


def test_the_link_of_the_example_is_shown_once() -> None:
    written = json.dumps({"level": "info", "event": "checkout_session_opened", "payment_id": "p1"})

    assert event_line("checkout", written, "p1") is None
    assert event_line("checkout", written, "p2") is not None


def test_a_run_of_the_reconciler_is_shown_if_it_failed() -> None:
    assert line_of("reconciler", event="reconciler_run_finished", outcome="ok") is None
    assert line_of("reconciler", event="reconciler_run_finished", level="warning", problem="x") is not None
