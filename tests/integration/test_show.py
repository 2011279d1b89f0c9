"""Runs `lea-payments show` with and without Stripe."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.record import Payment, Status
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.items import item_of
from tests.support.command_line import RunCommand, command_runner
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
        client = connection.client(table_settings)
        client.put_item(TableName=table_settings.table, Item=item_of(new))
        client.close()
        return new

    return put


def _stripe_state(run: RunCommand, payment: Payment) -> dict[str, Any]:
    result = run("show", payment.payment_intent_id, "--stripe", "--json")
    assert result.returncode == 0, result.stderr
    (record_with_stripe,) = json.loads(result.stdout)
    state: dict[str, Any] = record_with_stripe["stripe"]
    return state


def test_a_payment_is_found_by_each_of_its_ids(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id=f"cs_test_{uuid4().hex}")
    queries: list[tuple[str | None, ...]] = [
        (payment.payment_intent_id,),
        ("--session", payment.stripe_session_id),
        ("--quote", payment.quote_id),
        ("--user", payment.user_id),
    ]

    for query in queries:
        result = run("show", *(word or "" for word in query), "--json")
        assert [payment["payment_intent_id"] for payment in json.loads(result.stdout)] == [payment.payment_intent_id], (
            query
        )


def test_an_unknown_payment_is_an_error_that_names_the_table(run: RunCommand, table_settings: TableSettings) -> None:
    result = run("show", "payment_unknown")

    assert (result.returncode, result.stdout) == (1, "")
    assert table_settings.table in result.stderr


@pytest.mark.parametrize("arguments", [(), ("payment_1", "--user", "user_1")])
def test_exactly_one_query_is_allowed(run: RunCommand, arguments: tuple[str, ...]) -> None:
    result = run("show", *arguments)

    assert result.returncode == 2
    assert "exactly one of ID" in result.stderr


def test_the_record_is_explained_without_stripe(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put()

    text = run("show", payment.payment_intent_id, STRIPE_SECRET_KEY="").stdout

    assert "The customer has not paid yet." in text
    assert "No event from Stripe has reached this payment yet." in text
    assert "payment_status pending → completed" in text
    assert "Stripe's session" not in text


def test_the_remedy_for_a_lost_payment_works(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id = account.session(payment)
    lost = replace(payment, stripe_session_id=session_id)
    account.pay_without_waiting(session_id)
    put(**{name: getattr(lost, name) for name in ("payment_intent_id", "stripe_session_id")})

    before = _stripe_state(run, payment)
    (difference,) = before["differences"]
    remedy = difference["remedy"].partition("lea-payments ")[2].split()
    result = run(*remedy)
    after = _stripe_state(run, payment)

    assert difference["what"] == "according to Stripe: payment_status pending → completed"
    assert (before["session"]["payment_status"], before["session"]["amount_total"]) == ("paid", payment.amount)
    assert before["payment_intent"]["amount_received"] == payment.amount
    assert [one["type"] for one in before["undelivered"]] == ["checkout.session.completed"]
    assert result.returncode == 0
    assert after["differences"] == []


def test_missing_refunds_and_disputes_are_differences(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    account.reset()
    payment = put()
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    intent_id = account.intent_of(session_id)
    account.post("/v1/refunds", payment_intent=intent_id, amount=700)
    account.control("/_disputes", payment_intent=intent_id)
    ids = {"stripe_session_id": session_id, "stripe_payment_intent": intent_id}
    put(
        payment_intent_id=payment.payment_intent_id,
        payment_status=Status.COMPLETED,
        status_rank=50,
        session_closed=True,
        **ids,
    )

    state = _stripe_state(run, payment)

    assert {one["what"] for one in state["differences"]} == {
        "according to Stripe: amount_refunded 0 → 700",
        "according to Stripe: dispute_status none → open",
    }
    assert [one["amount"] for one in state["refunds"]] == [700]
    assert len(state["disputes"]) == 1


def test_the_session_of_a_record_without_one_is_found(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    account.reset()
    other, payment = put(), put(created_at="now")
    account.pay_without_waiting(account.session(other))
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    created_at = account.get(f"/v1/checkout/sessions/{session_id}")["created"]
    put(payment_intent_id=payment.payment_intent_id, created_at=_iso(created_at))

    state = _stripe_state(run, payment)

    assert state["session"]["id"] == session_id
    assert [one["what"] for one in state["differences"]] == ["according to Stripe: payment_status pending → completed"]


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
        status_rank=50,
    )

    (difference,) = _stripe_state(run, payment)["differences"]

    assert "the record is completed, but" in difference["what"]
    assert "changed by hand" in difference["remedy"]


def test_a_session_that_stripe_does_not_have_is_a_difference(run: RunCommand, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id="cs_test_of_another_account")

    state = _stripe_state(run, payment)

    assert state["session"] is None
    assert state["differences"][0]["what"] == "Stripe has no session cs_test_of_another_account"


def test_the_text_has_the_differences_and_no_personal_data(
    run: RunCommand, put: Callable[..., Payment], account: EmulatorClient
) -> None:
    payment = put()
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, email="someone@example.com")
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=session_id)

    result = run("show", payment.payment_intent_id, "--stripe")

    assert result.returncode == 0, result.stderr
    assert "✗ according to Stripe: payment_status pending → completed" in result.stdout
    assert "→ the next run of the reconciler repairs recent differences" in result.stdout
    assert "someone@example.com" not in result.stdout + result.stderr


def test_a_key_of_the_other_mode_is_one_clear_message(run: RunCommand, put: Callable[..., Payment]) -> None:
    result = run("show", put().payment_intent_id, "--stripe", STRIPE_SECRET_KEY="sk_live_1")

    assert result.returncode == 1
    assert "STRIPE_SECRET_KEY is not a test key" in result.stderr
    assert "Traceback" not in result.stderr
