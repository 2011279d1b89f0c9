"""`lea-payments show`, with and without Stripe, as support runs it."""

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
from tests.support.commands import Run, runner
from tests.support.scenarios import record
from tests.support.stripe_account import NOBODY, STRIPE_KEY, Account


@pytest.fixture
def run(tmp_path: Path, table_settings: TableSettings, account: Account) -> Run:
    account.reset(NOBODY, drop=1)
    return runner(tmp_path, table_settings, STRIPE_SECRET_KEY=STRIPE_KEY, STRIPE_API_BASE=account.url)


@pytest.fixture
def put(table_settings: TableSettings) -> Callable[..., Payment]:
    """Return `put(**fields)`: a new payment made now, on record."""

    def put(**fields: Any) -> Payment:
        number = uuid4().hex
        ids = {"user_id": f"user_{number}", "quote_id": f"quote_{number}", "stripe_session_id": None}
        new = replace(record(f"payment_{number}"), **(ids | {"created_at": None} | fields))
        client = connection.client(table_settings)
        client.put_item(TableName=table_settings.table, Item=item_of(new))
        client.close()
        return new

    return put


def _stripe_says(run: Run, payment: Payment) -> dict[str, Any]:
    done = run("show", payment.payment_intent_id, "--stripe", "--json")
    assert done.returncode == 0, done.stderr
    (shown,) = json.loads(done.stdout)
    says: dict[str, Any] = shown["stripe"]
    return says


def test_a_payment_is_found_by_each_of_its_ids(run: Run, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id=f"cs_test_{uuid4().hex}")
    ways: list[tuple[str | None, ...]] = [
        (payment.payment_intent_id,),
        ("--session", payment.stripe_session_id),
        ("--quote", payment.quote_id),
        ("--user", payment.user_id),
    ]

    for way in ways:
        done = run("show", *(word or "" for word in way), "--json")
        assert [one["payment_intent_id"] for one in json.loads(done.stdout)] == [payment.payment_intent_id], way


def test_nothing_found_is_an_error_that_says_where_it_looked(run: Run, table_settings: TableSettings) -> None:
    done = run("show", "payment_of_nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert table_settings.table in done.stderr


@pytest.mark.parametrize("arguments", [(), ("payment_1", "--user", "user_1")])
def test_one_question_at_a_time(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("show", *arguments)

    assert done.returncode == 2
    assert "exactly one of ID" in done.stderr


def test_the_record_alone_tells_the_story(run: Run, put: Callable[..., Payment]) -> None:
    payment = put()

    text = run("show", payment.payment_intent_id, STRIPE_SECRET_KEY="").stdout

    assert "It waits for the customer" in text
    assert "No event of Stripe's has reached this payment yet." in text
    assert "payment_status pending → completed" in text
    assert "Stripe's session" not in text


def test_a_lost_payment_shows_what_differs_and_the_remedy_that_it_names_works(
    run: Run, put: Callable[..., Payment], account: Account
) -> None:
    payment = put()
    session_id = account.session(payment)
    lost = replace(payment, stripe_session_id=session_id)
    account.pay(session_id)
    put(**{name: getattr(lost, name) for name in ("payment_intent_id", "stripe_session_id")})

    before = _stripe_says(run, payment)
    (difference,) = before["differences"]
    remedy = difference["remedy"].partition("lea-payments ")[2].split()
    done = run(*remedy)
    after = _stripe_says(run, payment)

    assert difference["what"] == "by Stripe's records: payment_status pending → completed"
    assert (before["session"]["payment_status"], before["session"]["amount_total"]) == ("paid", payment.amount)
    assert before["payment_intent"]["amount_received"] == payment.amount
    assert [one["type"] for one in before["undelivered"]] == ["checkout.session.completed"]
    assert done.returncode == 0
    assert after["differences"] == []


def test_refunds_and_disputes_that_the_record_lacks_are_told(
    run: Run, put: Callable[..., Payment], account: Account
) -> None:
    account.reset()
    payment = put()
    session_id = account.session(payment)
    account.pay(session_id)
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

    says = _stripe_says(run, payment)

    assert {one["what"] for one in says["differences"]} == {
        "by Stripe's records: amount_refunded 0 → 700",
        "by Stripe's records: dispute_status none → open",
    }
    assert [one["amount"] for one in says["refunds"]] == [700]
    assert len(says["disputes"]) == 1


def test_a_record_without_a_session_is_searched_for_at_stripe(
    run: Run, put: Callable[..., Payment], account: Account
) -> None:
    account.reset()
    other, payment = put(), put(created_at="now")
    account.pay(account.session(other))
    session_id = account.session(payment)
    account.pay(session_id)
    made = account.get(f"/v1/checkout/sessions/{session_id}")["created"]
    put(payment_intent_id=payment.payment_intent_id, created_at=_iso(made))

    says = _stripe_says(run, payment)

    assert says["session"]["id"] == session_id
    assert [one["what"] for one in says["differences"]] == ["by Stripe's records: payment_status pending → completed"]


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def test_a_record_set_to_completed_by_hand_is_noticed(run: Run, put: Callable[..., Payment], account: Account) -> None:
    payment = put()
    put(
        payment_intent_id=payment.payment_intent_id,
        stripe_session_id=account.session(payment),
        payment_status=Status.COMPLETED,
        status_rank=50,
    )

    (difference,) = _stripe_says(run, payment)["differences"]

    assert "says completed" in difference["what"]
    assert "changed by hand" in difference["remedy"]


def test_a_session_that_stripe_does_not_know_is_told(run: Run, put: Callable[..., Payment]) -> None:
    payment = put(stripe_session_id="cs_test_of_another_account")

    says = _stripe_says(run, payment)

    assert says["session"] is None
    assert says["differences"][0]["what"] == "Stripe has no session cs_test_of_another_account"


def test_a_person_reads_the_same_and_no_personal_data(run: Run, put: Callable[..., Payment], account: Account) -> None:
    payment = put()
    session_id = account.session(payment)
    account.pay(session_id, email="someone@example.com")
    put(payment_intent_id=payment.payment_intent_id, stripe_session_id=session_id)

    done = run("show", payment.payment_intent_id, "--stripe")

    assert done.returncode == 0, done.stderr
    assert "✗ by Stripe's records: payment_status pending → completed" in done.stdout
    assert "→ the next run of the reconciler repairs" in done.stdout
    assert "someone@example.com" not in done.stdout + done.stderr


def test_what_keeps_stripe_from_answering_is_one_clear_line(run: Run, put: Callable[..., Payment]) -> None:
    done = run("show", put().payment_intent_id, "--stripe", STRIPE_SECRET_KEY="sk_live_1")

    assert done.returncode == 1
    assert "STRIPE_SECRET_KEY is not a test key" in done.stderr
    assert "Traceback" not in done.stderr
