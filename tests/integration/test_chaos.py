"""Tests the comparison of the chaos suite: it accepts a correct table and names each altered record."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.chaos.compare import Mismatch, compare
from tests.chaos.context import RunContext, RunResult
from tests.chaos.expected import PaymentRequest, RecordState, StripeObjects, expected_states
from tests.chaos.runs import RUNS

Records = dict[str, dict[str, Any]]


class QuietRun(NamedTuple):
    """A run without faults, and the result of the same run after one record was altered."""

    requests: list[PaymentRequest]
    stripe: StripeObjects
    records: Records
    clean: RunResult
    altered_id: str
    altered: RunResult


async def _execute(run: RunContext) -> QuietRun:
    async with run.system() as system:
        system.start_emulator()
        system.start_webhook()
        customers = await run.customers(system)
        await customers.take_first_steps()
        await system.settle()
        await customers.take_later_steps()
        clean = await run.result(system, customers)
        records = system.records()
        altered_id = next(name for name, record in records.items() if record["payment_status"] == "completed")
        system.table.update_item(
            Key={"payment_intent_id": altered_id},
            UpdateExpression="SET payment_status = :failed",
            ExpressionAttributeValues={":failed": "failed"},
        )
        altered = await run.result(system, customers)
        copies = {name: dict(record) for name, record in records.items()}
        return QuietRun(customers.requests, await system.stripe_objects(), copies, clean, altered_id, altered)


@pytest.fixture(scope="module")
def quiet_run(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> QuietRun:
    folder = tmp_path_factory.mktemp("chaos") / "quiet"
    return asyncio.run(_execute(RunContext(folder, free_port, dynamodb_endpoint, events=300, seed=1)))


def test_a_run_without_faults_has_no_mismatch(quiet_run: QuietRun) -> None:
    assert not quiet_run.clean.failed
    assert quiet_run.clean.events >= 300
    assert quiet_run.clean.answered == quiet_run.clean.sent == quiet_run.clean.events
    assert quiet_run.clean.applied + quiet_run.clean.duplicates + quiet_run.clean.stale == quiet_run.clean.events


def test_an_altered_record_fails_the_run_and_is_named(quiet_run: QuietRun) -> None:
    (mismatch,) = quiet_run.altered.mismatches

    assert quiet_run.altered.failed
    assert (mismatch.kind, mismatch.payment_id) == ("lost", quiet_run.altered_id)
    assert quiet_run.altered_id in str(mismatch)
    assert "expected from Stripe: RecordState(status='completed'" in str(mismatch)
    assert "in the table: RecordState(status='failed'" in str(mismatch)
    assert "checkout.session.completed" in mismatch.history


def _id_of_one(records: Records, **fields: object) -> str:
    return next(
        name for name, record in records.items() if all(record.get(field) == value for field, value in fields.items())
    )


def _set(payment_id: str, records: Records, **fields: object) -> str:
    records[payment_id] |= fields
    return payment_id


def _drop(payment_id: str, records: Records) -> str:
    del records[payment_id]
    return payment_id


def _repeat(payment_id: str, records: Records) -> str:
    records[payment_id]["history"].append(records[payment_id]["history"][0])
    return payment_id


def _invent(payment_id: str, records: Records) -> str:
    records[payment_id]["history"][0]["event_id"] = "evt_unknown"
    return payment_id


def _add(records: Records) -> str:
    records["payment_unknown"] = {"payment_status": "completed"}
    return "payment_unknown"


ALTERATIONS: dict[str, tuple[str, Callable[[Records], str]]] = {
    "completed payment reset to pending": (
        "lost",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, payment_status="pending"),
    ),
    "record deleted": ("lost", lambda records: _drop(_id_of_one(records, payment_status="expired"), records)),
    "expired payment completed": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="expired"), records, payment_status="completed"),
    ),
    "awaiting funds marked as failed": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, status_reason="awaiting_funds"),
            records,
            payment_status="failed",
            status_reason="async_payment_failed",
        ),
    ),
    "other decline code": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, status_reason="expired_card"), records, status_reason="card_declined:lost_card"
        ),
    ),
    "paid twice without its reason": (
        "wrong",
        lambda records: _set(_id_of_one(records, status_reason="paid_twice"), records, status_reason=None),
    ),
    "refund removed": ("lost", lambda records: _set(_refunded(records), records, amount_refunded=0)),
    "refund invented": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, payment_status="completed", amount_refunded=None), records, amount_refunded=1
        ),
    ),
    "dispute reopened": (
        "lost",
        lambda records: _set(_id_of_one(records, dispute_status="won"), records, dispute_status="open"),
    ),
    "other PaymentIntent": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, payment_status="completed"), records, stripe_payment_intent="pi_unknown"
        ),
    ),
    "event recorded twice": (
        "twice",
        lambda records: _repeat(_id_of_one(records, payment_status="completed"), records),
    ),
    "event invented": ("wrong", lambda records: _invent(_id_of_one(records, payment_status="completed"), records)),
    "payment invented": ("wrong", _add),
}


def _refunded(records: Records) -> str:
    return next(name for name, record in records.items() if record.get("amount_refunded"))


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_every_alteration_is_found_and_nothing_else(quiet_run: QuietRun, alteration: str) -> None:
    records = copy.deepcopy(quiet_run.records)
    kind, alter = ALTERATIONS[alteration]
    payment_id = alter(records)

    mismatches: list[Mismatch] = compare(quiet_run.requests, quiet_run.stripe, records)

    assert [(each.payment_id, each.kind) for each in mismatches if each.kind == kind] == [(payment_id, kind)]
    assert {each.payment_id for each in mismatches} == {payment_id}


def test_the_customers_cause_every_final_state(quiet_run: QuietRun) -> None:
    ends = {
        (
            state.status,
            state.reason if state.status != "failed" or state.reason == "async_payment_failed" else "declined",
        )
        for state in expected_states(quiet_run.requests, quiet_run.stripe).values()
    }

    assert ends == {
        ("pending", None),
        ("pending", "awaiting_funds"),
        ("pending", "amount_mismatch"),
        ("failed", "declined"),
        ("failed", "async_payment_failed"),
        ("expired", None),
        ("completed", None),
        ("completed", "paid_twice"),
    }


def test_the_runs_are_complete_and_share_all_events() -> None:
    assert "".join(run.key for run in RUNS) == "abcdefgh"
    assert sum(run.share for run in RUNS) >= 1


REQUEST = PaymentRequest("payment_1", 4999, "SGD", "cs_2")


def _session(number: int, status: str, payment_status: str = "unpaid", **fields: object) -> dict[str, Any]:
    session = {"id": f"cs_{number}", "client_reference_id": "payment_1", "payment_intent": f"pi_{number}"}
    return (
        session | {"status": status, "payment_status": payment_status, "currency": "sgd", "amount_total": 4999} | fields
    )


def _stripe(*sessions: dict[str, Any], **objects: list[dict[str, Any]]) -> StripeObjects:
    kinds: dict[str, Any] = {"intents": [], "charges": [], "refunds": [], "disputes": []}
    return StripeObjects(sessions=sessions, event_ids=frozenset(), **(kinds | objects))


FAILED_CHARGE = {"payment_intent": "pi_2", "status": "failed", "failure_code": "card_declined"}


@pytest.mark.parametrize(
    ("stripe", "state"),
    [
        (_stripe(_session(2, "open", payment_intent=None)), RecordState("pending")),
        (_stripe(_session(1, "expired"), _session(2, "open")), RecordState("pending")),
        (_stripe(_session(1, "complete", "paid"), _session(2, "expired")), RecordState("completed", None, "pi_1")),
        (_stripe(_session(2, "complete", "paid", amount_total=1)), RecordState("pending", "amount_mismatch", "pi_2")),
        (_stripe(_session(2, "complete", "paid", currency="usd")), RecordState("pending", "currency_mismatch", "pi_2")),
        (
            _stripe(_session(1, "complete", "paid"), _session(2, "complete", "paid")),
            RecordState("completed", "paid_twice", "pi_1"),
        ),
        (
            _stripe(
                _session(2, "open"),
                charges=[FAILED_CHARGE | {"outcome": {"reason": code}} for code in ("lost_card", "expired_card")],
            ),
            RecordState("failed", "card_declined:lost_card"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "processing"}]),
            RecordState("pending", "awaiting_funds"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "requires_payment_method"}]),
            RecordState("failed", "async_payment_failed"),
        ),
        (
            _stripe(
                _session(2, "complete", "paid"),
                refunds=[{"payment_intent": "pi_2", "amount": 20}, {"payment_intent": "pi_2", "amount": 30}],
                disputes=[{"payment_intent": "pi_2", "status": "lost"}],
            ),
            RecordState("completed", None, "pi_2", 50, "lost"),
        ),
    ],
    ids=lambda value: f"{value.status} {value.reason}" if isinstance(value, RecordState) else "",
)
def test_the_expected_state_follows_stripes_objects(stripe: StripeObjects, state: RecordState) -> None:
    assert expected_states([REQUEST], stripe) == {"payment_1": state}
