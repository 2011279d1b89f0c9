"""Runs `lea-payments replay` with events from Stripe and from a file."""

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.settings import TableSettings
from lea_payments.store.items import attributes_of
from tests.support import stripe_bodies, tables
from tests.support.command_line import RunCommand, command_runner
from tests.support.emulator import STRIPE_KEY, UNREACHABLE, EmulatorClient
from tests.support.records import Records
from tests.support.scenarios import record

DECLINED = "4000000000009995"


@pytest.fixture
def records(table_settings: TableSettings) -> Iterator[Records]:
    records = Records(table_settings)
    yield records
    records.close()


@pytest.fixture
def run(tmp_path: Path, table_settings: TableSettings, account: EmulatorClient) -> RunCommand:
    account.reset(UNREACHABLE, drop=1)
    return command_runner(tmp_path, table_settings, STRIPE_SECRET_KEY=STRIPE_KEY, STRIPE_API_BASE=account.url)


def _new(records: Records, table_settings: TableSettings, payment_id: str, **fields: object) -> str:
    client = tables.client(table_settings)
    new = replace(record(payment_id), stripe_session_id=None, **fields)
    client.put_item(TableName=table_settings.table, Item=attributes_of(new))
    client.close()
    assert records.get(payment_id).payment_status == "pending"
    return payment_id


def _counts(output: str) -> Mapping[str, int]:
    """Returns the number of events per outcome."""
    return {word: int(number) for word, number in re.findall(r"^\s+([a-z_]+)\s+(\d+)\s*$", output, re.MULTILINE)}


def _declined_then_paid_and_refunded(account: EmulatorClient, payment_id: str) -> None:
    session_id = account.session(record(payment_id))
    account.pay_without_waiting(session_id, card=DECLINED)
    account.pay_without_waiting(session_id)
    account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)


def test_events_are_applied_once_oldest_first(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_lost")
    _declined_then_paid_and_refunded(account, payment_id)

    first, second = run("replay", "--since", "2h"), run("replay", "--since", "2h")

    after = records.get(payment_id)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert (after.payment_status, after.amount_refunded) == ("completed", 700)
    assert [entry.event_type for entry in after.history][:2] == [
        "payment_intent.payment_failed",
        "checkout.session.completed",
    ]
    lines = [line for line in first.stdout.splitlines() if line.startswith(payment_id)]
    assert "payment_status pending → failed" in lines[0]
    assert "is succeeded (charge.succeeded" in lines[1]  # how the customer paid
    assert "payment_status failed → completed" in lines[2]
    assert sum("amount_refunded SGD 0.00 → SGD 7.00" in line for line in lines) == 1
    assert _counts(first.stdout)["applied"] == len(lines)
    assert payment_id not in second.stdout
    assert "applied" not in _counts(second.stdout)


def test_a_dry_run_prints_the_changes_and_writes_nothing(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_dry")
    _declined_then_paid_and_refunded(account, payment_id)
    before = records.get(payment_id)

    dry = run("replay", "--since", "2h", "--dry-run")
    untouched = records.get(payment_id)
    real = run("replay", "--since", "2h")

    assert untouched == before
    assert "Nothing was written" in dry.stdout
    assert _counts(dry.stdout) == _counts(real.stdout)
    assert [line for line in dry.stdout.splitlines() if "→" in line] == [
        line for line in real.stdout.splitlines() if "→" in line
    ]


def test_only_the_selected_events_are_applied(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings
) -> None:
    selected, other = (_new(records, table_settings, f"payment_{name}") for name in ("selected", "other"))
    for payment_id in (selected, other):
        _declined_then_paid_and_refunded(account, payment_id)

    result = run("replay", "--since", "1d", "--type", "payment_intent.payment_failed", "--payment", selected)

    assert result.returncode == 0
    assert _counts(result.stdout) == {"applied": 1, "all": 1}
    assert (records.get(selected).payment_status, records.get(other).payment_status) == ("failed", "pending")


def test_a_decline_without_metadata_is_found_through_its_session(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_bare")
    account.pay_without_waiting(account.session(record(payment_id), metadata=False), card=DECLINED)

    assert run("replay", "--since", "1h", "--payment", payment_id).returncode == 0

    assert records.get(payment_id).payment_status == "failed"


def test_unreadable_lines_of_a_file_are_named(
    run: RunCommand, records: Records, table_settings: TableSettings, tmp_path: Path
) -> None:
    first, second = (_new(records, table_settings, f"payment_file_{name}") for name in "ab")
    lines = [stripe_bodies.completed(first), b"not JSON", b"", b"{}", stripe_bodies.expired(second, id="cs_test_x")]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines))

    result = run("replay", str(file))

    assert result.returncode == 1
    assert "✗ line 2: " in result.stdout
    assert "✗ line 4: " in result.stdout
    assert _counts(result.stdout) == {"applied": 2, "unreadable": 2, "all": 4}
    assert (records.get(first).payment_status, records.get(second).payment_status) == ("completed", "expired")


@pytest.mark.parametrize(
    "content",
    [
        lambda event: json.dumps(event, indent=2).encode(),
        lambda event: json.dumps([event]).encode(),
        lambda event: json.dumps({"object": "list", "data": [event], "has_more": False}, indent=2).encode(),
        lambda event: codecs.BOM_UTF8 + json.dumps(event).encode(),
        lambda event: json.dumps(event, indent=2).encode("utf-16"),
    ],
    ids=["pretty-printed", "array", "list", "UTF-8 with BOM", "UTF-16"],
)
def test_a_file_can_have_other_shapes(
    run: RunCommand,
    records: Records,
    table_settings: TableSettings,
    tmp_path: Path,
    content: Callable[[object], bytes],
) -> None:
    payment_id = _new(records, table_settings, f"payment_{uuid4()}")
    file = tmp_path / "event.json"
    file.write_bytes(content(json.loads(stripe_bodies.completed(payment_id))))

    result = run("replay", str(file))

    assert (result.returncode, _counts(result.stdout)) == (0, {"applied": 1, "all": 1})
    assert records.get(payment_id).payment_status == "completed"


def test_a_line_that_is_cut_off_does_not_swallow_others(
    run: RunCommand, records: Records, table_settings: TableSettings, tmp_path: Path
) -> None:
    payment_ids = [_new(records, table_settings, f"payment_{uuid4()}") for _ in range(3)]
    first, second, third = (stripe_bodies.completed(payment_id) for payment_id in payment_ids)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([first, b'{"id": "evt_cut", "data":', second, b'{"id": "evt_cut",', third]))

    result = run("replay", str(file))

    assert result.returncode == 1
    assert [line.partition(": ")[0] for line in result.stdout.splitlines() if "✗" in line] == ["✗ line 2", "✗ line 4"]
    assert {records.get(payment_id).payment_status for payment_id in payment_ids} == {"completed"}


def test_an_incomplete_list_is_replayed_with_a_warning(
    run: RunCommand, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, f"payment_{uuid4()}")
    event = json.loads(stripe_bodies.completed(payment_id))

    result = run("replay", "-", text=json.dumps({"object": "list", "data": [event], "has_more": True}))

    assert (result.returncode, _counts(result.stdout)) == (0, {"applied": 1, "all": 1})
    assert "! line 1: this list is not complete (has_more)" in result.stdout
    assert f"stripe events list --limit 100 --starting-after {event['id']}" in result.stdout


def test_the_reasons_of_ignored_events_are_counted(run: RunCommand) -> None:
    setup = json.loads(stripe_bodies.completed("payment_1", mode="setup"))
    other = json.loads(stripe_bodies.completed("payment_1")) | {"account": "acct_2"}
    events = [setup, other, json.loads(stripe_bodies.event("customer.created", {})), other]

    result = run("replay", "-", text=json.dumps(events))

    assert (result.returncode, _counts(result.stdout)) == (0, {"ignored": 4, "all": 4})
    assert "Ignored because of: other_account (2), session_mode:setup (1), unused_type (1)" in result.stdout


def test_a_record_that_cannot_be_written_is_named(
    run: RunCommand, records: Records, table_settings: TableSettings
) -> None:
    too_large, other = (f"payment_{uuid4()}" for _ in range(2))
    _new(records, table_settings, too_large, product_name="x" * 409_250)
    _new(records, table_settings, other)
    bodies = [stripe_bodies.completed(payment_id) for payment_id in (too_large, other)]

    result = run("replay", "-", text=b"\n".join(bodies).decode())

    assert result.returncode == 1
    assert _counts(result.stdout) == {"applied": 1, "not_applied": 1, "all": 2}
    assert f"✗ {json.loads(bodies[0])['id']}: checkout.session.completed cannot be applied" in result.stdout
    assert "Traceback" not in result.stderr
    assert records.get(other).payment_status == "completed"


@pytest.mark.parametrize("source", ["stripe", "file"])
def test_a_selected_payment_is_found_by_every_reference(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings, source: str
) -> None:
    """The reference names a customer, and only the session's metadata names the payment; the refund names neither."""
    payment_id = _new(records, table_settings, f"payment_{uuid4()}")
    session_id = account.session(
        record(payment_id),
        metadata=False,
        reference=False,
        client_reference_id="user_42",
        **{"metadata[payment_intent_id]": payment_id},
    )
    account.pay_without_waiting(session_id)
    account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)
    arguments = ("--since", "1h") if source == "stripe" else ("-",)

    result = run("replay", *arguments, "--payment", payment_id, text=json.dumps(account.events()))

    after = records.get(payment_id)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (after.payment_status, after.amount_refunded) == ("completed", 700)


def test_an_unreadable_element_of_a_list_is_named(
    run: RunCommand, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_in_a_list")
    event = json.loads(stripe_bodies.completed(payment_id))

    result = run("replay", "-", text=json.dumps({"object": "list", "data": [event, {"id": 1}]}, indent=2))

    assert result.returncode == 1
    assert "✗ line 1, element 2: " in result.stdout
    assert _counts(result.stdout) == {"applied": 1, "unreadable": 1, "all": 2}


def test_one_event_is_read_from_stripe(
    run: RunCommand, account: EmulatorClient, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_one_event")
    account.pay_without_waiting(account.session(record(payment_id)))
    (event,) = [each for each in account.events() if each["type"] == "checkout.session.completed"]

    result = run("replay", event["id"])

    assert (result.returncode, _counts(result.stdout)) == (0, {"applied": 1, "all": 1})
    assert records.get(payment_id).payment_status == "completed"


def test_each_unmatched_event_is_named(run: RunCommand, account: EmulatorClient) -> None:
    session_id = account.session(record(f"payment_{uuid4()}"))
    account.pay_without_waiting(session_id)
    account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)
    events = {each["type"]: each["id"] for each in account.events()}

    lines = [line for line in run("replay", "--since", "1h").stdout.splitlines() if line.startswith("? ")]

    assert any(
        f"? {events['checkout.session.completed']}: checkout.session.completed, {session_id}, " in line
        and "SGD 49.99" in line
        for line in lines
    )
    assert any(f"? {events['refund.created']}: " in line and "SGD 7.00" in line for line in lines)


def test_an_event_that_stripe_does_not_have_is_explained(run: RunCommand) -> None:
    result = run("replay", "evt_missing")

    assert result.returncode == 1
    assert "Stripe has no event evt_missing: check the id" in result.stderr
    assert "STRIPE_SECRET_KEY" in run("replay", "evt_missing", STRIPE_SECRET_KEY="").stderr


def test_standard_input_is_replayed_without_a_key(
    run: RunCommand, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_stdin")

    result = run("replay", "-", text=stripe_bodies.completed(payment_id).decode(), STRIPE_SECRET_KEY="")

    assert result.returncode == 0, result.stderr
    assert records.get(payment_id).payment_status == "completed"


def test_events_of_the_other_mode_are_counted_not_applied(
    run: RunCommand, records: Records, table_settings: TableSettings
) -> None:
    payment_id = _new(records, table_settings, "payment_mode")
    live = json.loads(stripe_bodies.completed(payment_id)) | {"livemode": True}

    result = run("replay", "-", text=json.dumps(live))

    assert (result.returncode, _counts(result.stdout)) == (0, {"wrong_mode": 1, "all": 1})
    assert "Ignored because of: other_mode (1)" in result.stdout
    assert "differs from STRIPE_LIVEMODE" in result.stdout
    assert records.get(payment_id).payment_status == "pending"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give exactly one of FILE, the id of an event (evt_…) and --since"),
        (("evt_1", "--since", "2h"), "give exactly one of FILE"),
        (("evt_1", "--until", "2h"), "--until needs --since"),
        (("--since", "soon"), "'soon' is not a valid time"),
        (("--since", "40d"), "Stripe keeps events for 30 days"),
        (("--since", "2h", "--type", "charge.fialed"), "charge.fialed: unknown event type"),
        (("-", "--until", "2h"), "--until needs --since"),
        (("no-such-file",), "No such file"),
    ],
)
def test_invalid_arguments_are_explained(run: RunCommand, arguments: tuple[str, ...], message: str) -> None:
    result = run("replay", *arguments, COLUMNS="400")

    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unreachable_table_is_one_clear_message(run: RunCommand, free_port: Callable[[], int]) -> None:
    text = stripe_bodies.completed("payment_1").decode()

    result = run("replay", "-", text=text, DDB_ENDPOINT=f"http://127.0.0.1:{free_port()}")

    assert result.returncode == 1
    assert "run the same command again" in result.stderr
    assert "Traceback" not in result.stderr
