"""Runs `lea-payments show` with and without Stripe."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.settings import TableSettings
from lea_payments.store.items import attributes_of
from tests.support import tables
from tests.support.command_line import RunCommand, command_runner, shown_in_terminal
from tests.support.emulator import STRIPE_KEY, UNREACHABLE, EmulatorClient
from tests.support.scenarios import record


@pytest.fixture
def run(tmp_path: Path, table_settings: TableSettings, account: EmulatorClient) -> RunCommand:
    account.reset(UNREACHABLE, drop=1)
    return command_runner(tmp_path, table_settings, STRIPE_SECRET_KEY=STRIPE_KEY, STRIPE_API_BASE=account.url)


@pytest.fixture
def put(table_settings: TableSettings) -> Callable[..., Payment]:
    """Return `put(**fields)`, which stores a new payment."""

    def put(**fields: Any) -> Payment:
        number = uuid4().hex
        ids = {"user_id": f"user_{number}", "quote_id": f"quote_{number}", "stripe_session_id": None}
        new = replace(record(f"payment_{number}"), **(ids | {"created_at": None} | fields))
        client = tables.client(table_settings)
        client.put_item(TableName=table_settings.table, Item=attributes_of(new))
        client.close()
        return new

    return put


def _stripe_state(run: RunCommand, payment: Payment) -> dict[str, Any]:
    result = run("show", payment.payment_intent_id, "--stripe", "--json")
    assert result.returncode in (0, 2), result.stderr
    (record_with_stripe,) = json.loads(result.stdout)
    state: dict[str, Any] = record_with_stripe["stripe"]
    assert result.returncode == (0 if state["agrees"] else 2)
    return state


def test_a_payment_is_found_by_each_of_its_ids(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id=f"cs_test_{uuid4().hex}", stripe_payment_intent=f"pi_{uuid4().hex}")
    ids = (
        payment.payment_intent_id,
        payment.stripe_session_id,
        payment.stripe_payment_intent,
        payment.quote_id,
        payment.user_id,
    )

    for any_id in ids:
        result = run("show", any_id or "", "--json", STRIPE_SECRET_KEY="")
        assert [each["payment_intent_id"] for each in json.loads(result.stdout)] == [payment.payment_intent_id], any_id


@pytest.mark.parametrize("field", ["quote_id", "user_id"])
def test_white_space_around_an_id_that_has_it_counts(run: RunCommand, put: Callable[..., Payment], field: str) -> None:
    plain = uuid4().hex
    without, around = put(**{field: plain}), put(**{field: f" {plain}\r"})

    for given, found in ((plain, without), (f" {plain}\r", around), (f"\t{plain}\n", without)):
        (shown,) = json.loads(run("show", given, "--json", STRIPE_SECRET_KEY="").stdout)
        assert shown["payment_intent_id"] == found.payment_intent_id, ascii(given)


def test_several_payments_of_a_user_are_listed(run: RunCommand, put: Callable[..., Payment]) -> None:
    user_id = f"user_{uuid4().hex}"
    payments = {put(user_id=user_id).payment_intent_id for _ in range(2)}

    lines = run("show", user_id).stdout.splitlines()

    assert lines[0] == "2 payments:"
    assert payments == {line.strip() for line in lines if line.startswith("  payment_")}
    assert lines[-1].startswith("Show one of them: lea-payments show payment_")


def test_the_payment_of_each_object_is_found_at_stripe(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id, intent_id = _refunded_and_disputed(account, payment)
    ids = [session_id, intent_id, account.get(f"/v1/payment_intents/{intent_id}")["latest_charge"]]
    ids += [
        account.get(f"/v1/{path}", payment_intent=intent_id)["data"][0]["id"]
        for path in ("refunds", "disputes", "radar/early_fraud_warnings")
    ]

    for any_id in ids:
        (shown,) = json.loads(run("show", any_id, "--stripe", "--json").stdout)
        assert shown["payment_intent_id"] == payment.payment_intent_id, any_id


def test_a_refund_without_a_record_is_said(run: RunCommand, account: EmulatorClient) -> None:
    lost = record(f"payment_{uuid4().hex}")
    session_id = account.session(lost)
    account.pay_without_waiting(session_id)
    refund = account.post("/v1/refunds", payment_intent=account.intent_of(session_id))["id"]

    result = run("show", refund, "--stripe")

    assert result.returncode == 2, result.stderr
    answer = "Paid at Stripe: SGD 49.99, but it has no record. SGD 49.99 has been refunded."
    assert result.stdout.startswith(f"{answer}\n")
    assert f"  {refund}\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param((), "exactly one of ID", id="nothing"),
        pytest.param(("payment_1", "--email", "a@b.example"), "exactly one of ID", id="two"),
        pytest.param(("",), "the id is empty", id="empty"),
        pytest.param(("x" * 3000,), "the id is longer", id="long"),
        pytest.param(("--email", "mei", "--stripe"), "a whole address", id="no address"),
        pytest.param(("--card", "42", "--day", "2026-11-27", "--stripe"), "last four digits", id="no last four"),
    ],
)
def test_wrong_arguments_end_with_2(run: RunCommand, arguments: tuple[str, ...], problem: str) -> None:
    result = run("show", *arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert problem in result.stderr
    assert "show --help" in result.stderr


@pytest.mark.parametrize("how", ["session", "intent", "e-mail", "card"])
def test_a_payment_without_a_record_is_found(run: RunCommand, account: EmulatorClient, how: str) -> None:
    account.reset()
    email, lost = f"{uuid4().hex}@example.com", record(f"payment_{uuid4().hex}")
    session_id = account.session(lost)
    account.pay_without_waiting(session_id, email=email)
    queries = {
        "session": (session_id,),
        "intent": (account.intent_of(session_id),),
        "e-mail": ("--email", email),
        "card": ("--card", "4242", "--day", f"{datetime.now(UTC):%Y-%m-%d}"),
    }

    result = run("show", *queries[how], "--stripe")

    assert result.returncode == 2, result.stderr
    assert result.stdout.startswith("Paid at Stripe: SGD 49.99, but it has no record.")
    assert f"replay --since 30d --payment {lost.payment_intent_id}" in result.stdout
    assert email not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("re_1",), "add --stripe, which reads the object"),
        (("du_1", "--stripe"), "nor Stripe has du_1"),
        (("--email", "nobody@example.com", "--stripe"), "no Checkout Session at Stripe"),
        (("--card", "0341", "--day", "2026-01-01", "--stripe"), "try the days beside it"),
    ],
)
def test_what_is_not_found_ends_with_1(run: RunCommand, arguments: tuple[str, ...], message: str) -> None:
    result = run("show", *arguments)

    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr


def test_a_pipe_has_whole_ids_and_80_columns(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id="cs_test_" + "a1B2" * 13 + uuid4().hex[:6])

    text = run("show", payment.payment_intent_id, COLUMNS="80").stdout

    assert text.startswith("Not paid yet: SGD 49.99 is due.\n")
    assert str(payment.stripe_session_id) in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_terminal_of_80_columns_has_whole_lines(
    tmp_path: Path, table_settings: TableSettings, put: Callable[..., Payment]
) -> None:
    payment = put(stripe_session_id="cs_test_" + "a1B2" * 13 + uuid4().hex[:6])

    text = shown_in_terminal(tmp_path, table_settings, "show", payment.payment_intent_id)

    assert text.splitlines()[0] == "Not paid yet: SGD 49.99 is due."
    assert str(payment.stripe_session_id) in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_unknown_payment_is_an_error_that_names_the_table(run: RunCommand, table_settings: TableSettings) -> None:
    result = run("show", "payment_unknown")

    assert (result.returncode, result.stdout) == (1, "")
    assert table_settings.table in result.stderr


def test_the_record_is_explained_without_stripe(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put()

    text = run("show", payment.payment_intent_id, STRIPE_SECRET_KEY="").stdout
    with_events = run("show", payment.payment_intent_id, "--what-if").stdout

    assert text.startswith("Not paid yet: SGD 49.99 is due.")
    assert "No event from Stripe has reached this payment yet." in text
    assert "payment_status pending → completed" not in text
    assert "payment_status pending → completed" in with_events
    assert "read just now" not in text
    assert "rank" not in text


def test_objects_are_shown_by_their_ids(run: RunCommand, put: Callable[..., Payment]) -> None:
    """The failed refund does not stand, and the date until which the dispute waits for evidence is shown."""
    due = 1_767_225_600
    objects = {
        "re_failed": Fact(kind=Kind.REFUND, state="failed", amount=700, intent="pi_a"),
        "re_pending": Fact(kind=Kind.REFUND, state="pending", amount=300, intent="pi_a"),
        "du_open": Fact(kind=Kind.DISPUTE, state="needs_response", amount=4999, intent="pi_a", due=due),
        "issfr_a": Fact(kind=Kind.WARNING, state="actionable", intent="pi_a"),
    }
    payment = put(facts={"cs_a": _paid_fact("pi_a"), **objects}, stripe_payment_intent="pi_a")

    text = run("show", payment.payment_intent_id).stdout
    (shown,) = json.loads(run("show", payment.payment_intent_id, "--json").stdout)

    assert "has been refunded" not in text
    assert "A refund of SGD 7.00 has failed" in text
    assert "du_open of SGD 49.99 is open: it waits for evidence until 2026-01-01." in text
    assert "evidence is due on 2026-01-01" in text
    assert [each["id"] for each in shown["explained"]["objects"]] == [
        "cs_a",
        "re_failed",
        "re_pending",
        "du_open",
        "issfr_a",
    ]
    assert shown["explained"]["objects"][3]["evidence_due"] == "2026-01-01"
    assert "status_rank" not in shown


def _paid_fact(intent_id: str) -> Fact:
    return Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent=intent_id)


def test_the_remedy_for_a_lost_payment_works(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=session_id)

    before = _stripe_state(run, payment)
    repaired = run("reconciler", "--once")
    after = _stripe_state(run, payment)

    assert [one["what"] for one in before["differences"]] == [
        f"{session_id}: Stripe has paid, and it is missing here; payment_status pending → completed"
    ]
    assert before["differences"][0]["remedy"] == "the next run of the reconciler repairs it"
    assert [each["object"] for each in before["objects"]] == ["checkout.session", "payment_intent"]
    assert [one["type"] for one in before["undelivered"]] == ["checkout.session.completed", "charge.succeeded"]
    assert repaired.returncode == 0, repaired.stderr
    assert (after["agrees"], after["differences"], after["not_compared"]) == (True, [], [])


def _refunded_and_disputed(account: EmulatorClient, payment: Payment) -> tuple[str, str]:
    """Pays, refunds and disputes the payment, with a warning that asks for nothing more; returns both ids."""
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    intent_id = account.intent_of(session_id)
    account.post("/v1/refunds", payment_intent=intent_id, amount=700)
    account.control("/_disputes", payment_intent=intent_id, amount=1000)
    account.control("/_early_fraud_warnings", payment_intent=intent_id)
    return session_id, intent_id


def test_missing_refunds_disputes_and_warnings_differ(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id, intent_id = _refunded_and_disputed(account, payment)
    put(
        payment_intent_id=payment.payment_intent_id,
        payment_status=Status.COMPLETED,
        stripe_session_id=session_id,
        stripe_payment_intent=intent_id,
        facts={session_id: _paid_fact(intent_id)},
    )

    before = _stripe_state(run, payment)
    run("reconciler", "--once")
    after = _stripe_state(run, payment)

    effects = [one["what"].partition("; ")[2] for one in before["differences"]]
    assert effects == [
        "amount_refunded SGD 0.00 → SGD 7.00",
        "dispute_status none → open",
        "the published fields stay",
    ]
    assert (after["differences"], after["not_compared"]) == ([], [])
    assert (after["agrees"], after["needs_person"]) == (False, True)


def test_a_failed_refund_is_not_an_agreement(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    refund = account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)
    account.control(f"/_refunds/{refund['id']}/fail")
    run("reconciler", "--once")

    text = run("show", payment.payment_intent_id, "--stripe").stdout

    assert "agree" not in text
    assert "has been refunded" not in text
    assert "Nothing differs in 3 objects at Stripe, but a person must look at the payment." in text


def test_a_second_session_is_compared(run: RunCommand, put: Callable[..., Payment], account: EmulatorClient) -> None:
    payment = put()
    first, second = account.session(payment), account.session(payment)
    account.pay_without_waiting(second)
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=first, other_session_id=second)

    state = _stripe_state(run, payment)

    assert {each["id"] for each in state["objects"]} >= {first, second}
    assert [one["what"].partition(":")[0] for one in state["differences"]] == [second]


def test_what_the_key_cannot_read_is_named(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    account.pay_without_waiting(account.session(payment))
    run("reconciler", "--once")
    account.set_faults(api_error={"status": 400, "path": "/v1/disputes"})

    text = run("show", payment.payment_intent_id, "--stripe").stdout

    assert "! not compared: /v1/disputes of pi_" in text
    assert "agree" not in text


def test_the_session_of_a_record_without_one_is_found(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    account.reset()
    other, payment = put(), put(created_at="now")
    account.pay_without_waiting(account.session(other))
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    without_time = _stripe_state(run, payment)
    created_at = account.get(f"/v1/checkout/sessions/{session_id}")["created"]
    put(payment_intent_id=payment.payment_intent_id, created_at=_iso(created_at))

    state = _stripe_state(run, payment)

    assert state["objects"][0]["id"] == session_id
    assert [one["what"] for one in state["differences"]] == [
        f"{session_id}: Stripe has paid, and it is missing here; payment_status pending → completed"
    ]
    assert without_time["not_compared"] == [
        "sessions: the record names none and has no valid created_at to search for one"
    ]


@pytest.mark.parametrize("names_first", [True, False], ids=["new link", "first link"])
def test_a_session_from_before_a_crash_is_found(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient, *, names_first: bool
) -> None:
    """Checkout stopped after Stripe had created the session, and the customer paid it."""
    account.reset()
    payment = put()
    first, second = account.session(payment), account.session(payment)
    account.pay_without_waiting(second)
    put(
        payment_intent_id=payment.payment_intent_id,
        created_at=_iso(account.get(f"/v1/checkout/sessions/{second}")["created"]),
        checkout_attempt=2,
        stripe_session_id=first if names_first else None,
    )

    state = _stripe_state(run, payment)

    assert {each["id"] for each in state["objects"]} >= {first, second}
    assert [one["what"].partition(":")[0] for one in state["differences"]] == [second]
    assert not state["agrees"]


def test_a_search_without_a_time_is_not_an_agreement(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=account.session(payment))

    text = run("show", payment.payment_intent_id, "--stripe").stdout

    assert "not compared: sessions: the record may not name all and has no valid created_at" in text
    assert "! Not everything could be compared with Stripe" in text


def test_a_payment_without_a_session_does_not_agree(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(created_at=_iso(1_767_225_600))

    state = _stripe_state(run, payment)

    assert not state["agrees"]
    (sentence,) = state["not_compared"]
    assert sentence.startswith("sessions: the record names none, and none that was created from 1 hour before it")


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_a_record_completed_by_hand_is_a_difference(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    put(
        payment_intent_id=payment.payment_intent_id,
        stripe_session_id=account.session(payment),
        payment_status=Status.COMPLETED,
    )

    state = _stripe_state(run, payment)

    assert [one["what"] for one in state["differences"]] == [
        "the record is completed, but no session is paid at Stripe"
    ]
    assert "changed by hand" in state["differences"][0]["remedy"]
    assert not state["agrees"]


def test_a_session_that_stripe_does_not_have_is_a_difference(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id="cs_test_of_another_account")

    state = _stripe_state(run, payment)

    assert state["objects"] == []
    assert state["differences"][0]["what"] == "Stripe has no cs_test_of_another_account"


def test_the_text_has_the_differences_and_no_personal_data(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, email="someone@example.com")
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=session_id)

    result = run("show", payment.payment_intent_id, "--stripe")

    assert result.returncode == 2, result.stderr
    assert result.stdout.startswith("At Stripe: Paid: SGD 49.99.\nThe record still says: Not paid yet")
    assert f"✗ {session_id}: Stripe has paid, and it is missing here" in result.stdout
    assert "→ the next run of the reconciler repairs it" in result.stdout
    assert "someone@example.com" not in result.stdout + result.stderr


def test_a_key_of_the_other_mode_is_one_clear_message(run: RunCommand, put: Callable[..., Payment]) -> None:
    result = run("show", put().payment_intent_id, "--stripe", STRIPE_SECRET_KEY="sk_live_1")

    assert result.returncode == 1
    assert "STRIPE_SECRET_KEY is not a test key" in result.stderr
    assert "Traceback" not in result.stderr
