"""Tests the comparison of the chaos suite: it accepts a correct table and names each altered record."""

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.chaos.compare import Mismatch, compare
from tests.chaos.context import RunContext, RunResult, stripe_objects
from tests.chaos.journeys import JOURNEYS, RECONCILED_JOURNEYS
from tests.chaos.runs import RUNS
from tests.chaos.steps import STEPS
from tests.chaos.truth import (
    STATES,
    ObjectFact,
    PaymentRequest,
    RecordState,
    StripeObjects,
    expected_states,
    objects_by_payment,
)

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
        return QuietRun(customers.requests, await stripe_objects(system.stripe), copies, clean, altered_id, altered)


@pytest.fixture(scope="module")
def quiet_run(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> QuietRun:
    folder = tmp_path_factory.mktemp("chaos") / "quiet"
    return asyncio.run(_execute(RunContext(folder, free_port, dynamodb_endpoint, events=300, seed=1)))


def test_a_run_without_faults_has_no_mismatch(quiet_run: QuietRun) -> None:
    assert not quiet_run.clean.failed
    assert quiet_run.clean.events >= 300
    assert quiet_run.clean.answered == quiet_run.clean.events
    assert quiet_run.clean.applied + quiet_run.clean.duplicates + quiet_run.clean.stale + quiet_run.clean.ignored >= (
        quiet_run.clean.events
    )


def test_an_altered_record_fails_the_run_and_is_named(quiet_run: QuietRun) -> None:
    (mismatch,) = quiet_run.altered.mismatches

    assert quiet_run.altered.failed
    assert (mismatch.kind, mismatch.payment_id) == ("lost", quiet_run.altered_id)
    assert quiet_run.altered_id in str(mismatch)
    assert "expected from Stripe: status completed\n" in str(mismatch)
    assert "in the table: status failed\n" in str(mismatch)
    assert "checkout.session.completed" in mismatch.history


def _id_of_one(records: Records, **fields: object) -> str:
    return next(
        name for name, record in records.items() if all(record.get(field) == value for field, value in fields.items())
    )


def _set(payment_id: str, records: Records, **fields: object) -> str:
    records[payment_id] |= fields
    return payment_id


def _alter_fact(records: Records, kind: str, state: str, after: str | None, add: int = 0) -> str:
    """Changes the first fact of this kind and state to another state or amount, or removes it."""
    payment_id, object_id = next(
        (name, object_id)
        for name, record in records.items()
        for object_id, fact in record.get("facts", {}).items()
        if (fact["k"], fact["s"]) == (kind, state)
    )
    fact = records[payment_id]["facts"].pop(object_id)
    if after is not None:
        records[payment_id]["facts"][object_id] = fact | {"s": after} | ({"a": fact["a"] + add} if add else {})
    return payment_id


def _add_fact(records: Records, object_id: str) -> str:
    payment_id = _id_of_one(records, payment_status="completed")
    records[payment_id]["facts"][object_id] = {"k": "refund", "s": "failed", "a": 1}
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
    "other session": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, stripe_session_id="cs_unknown"),
    ),
    "fraud warning without its reason": (
        "wrong",
        lambda records: _set(_id_of_one(records, status_reason="early_fraud_warning"), records, status_reason=None),
    ),
    "fact of a failed refund removed": ("lost", lambda records: _alter_fact(records, "refund", "failed", None)),
    "failed refund succeeded": ("lost", lambda records: _alter_fact(records, "refund", "failed", "succeeded")),
    "pending refund failed": ("wrong", lambda records: _alter_fact(records, "refund", "requires_action", "failed")),
    "fact of a dispute removed": ("lost", lambda records: _alter_fact(records, "dispute", "prevented", None)),
    "dispute in an unknown state": ("lost", lambda records: _alter_fact(records, "dispute", "prevented", "unknown")),
    "fact of a session removed": ("lost", lambda records: _alter_fact(records, "session", "expired", None)),
    "fact of a fraud warning removed": ("lost", lambda records: _alter_fact(records, "warning", "actionable", None)),
    "amount of a refund changed": (
        "wrong",
        lambda records: _alter_fact(records, "refund", "succeeded", "succeeded", 1),
    ),
    "refund of another payment": ("wrong", lambda records: _add_fact(records, "re_unknown")),
    "version behind the history": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, version=0),
    ),
    "version ahead of the history": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, version=49),
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
        ("completed", "early_fraud_warning"),
    }


OBJECT_STATES = {
    *(("session", state) for state in STATES["session"]),
    *(("refund", state) for state in ("requires_action", "succeeded", "canceled", "failed")),
    *(("dispute", state) for state in ("warning_closed", "needs_response", "lost", "appeal_under_review", "won")),
    ("dispute", "prevented"),
    *(("warning", state) for state in STATES["warning"]),
}


def test_the_customers_cause_every_final_object_state(quiet_run: QuietRun) -> None:
    states = expected_states(quiet_run.requests, quiet_run.stripe).values()

    assert {(fact.kind, fact.state) for state in states for fact in state.facts.values()} == OBJECT_STATES


def test_every_event_that_is_not_ours_is_ignored(quiet_run: QuietRun) -> None:
    others = {event["id"] for event in quiet_run.stripe.events} - quiet_run.stripe.event_ids
    own = {
        name for objects in objects_by_payment(quiet_run.requests, quiet_run.stripe).values() for name in objects.ids
    }
    unrelated = {event["id"] for event in quiet_run.stripe.events if event["data"]["object"]["id"] not in own}

    assert others
    assert unrelated
    assert quiet_run.clean.ignored >= len(others | unrelated)


def test_every_step_is_part_of_a_journey() -> None:
    journeys = JOURNEYS + RECONCILED_JOURNEYS

    assert {name for journey in journeys for name in journey.first + journey.later} == STEPS.keys()


def test_the_runs_are_complete_and_share_all_events() -> None:
    assert "".join(run.key for run in RUNS) == "abcdefgh"
    assert sum(run.share for run in RUNS) >= 1


REQUEST = PaymentRequest("payment_1", 4999, "SGD", "cs_2")


def _session(number: int, status: str, payment_status: str = "unpaid", **fields: object) -> dict[str, Any]:
    session = {"id": f"cs_{number}", "client_reference_id": "payment_1", "payment_intent": f"pi_{number}"}
    return (
        session | {"status": status, "payment_status": payment_status, "currency": "sgd", "amount_total": 4999} | fields
    )


def _paid(number: int, **fields: object) -> dict[str, Any]:
    return _session(number, "complete", "paid", **fields)


def _refund(number: int, amount: int, status: str = "succeeded", intent: str = "pi_2") -> dict[str, Any]:
    return {"id": f"re_{number}", "payment_intent": intent, "amount": amount, "status": status}


def _dispute(number: int, status: str) -> dict[str, Any]:
    return {"id": f"du_{number}", "payment_intent": "pi_2", "amount": 4999, "status": status}


def _warning(*, actionable: bool) -> dict[str, Any]:
    return {"id": "issfr_1", "payment_intent": "pi_2", "actionable": actionable}


def _stripe(*sessions: dict[str, Any], **objects: Sequence[dict[str, Any]]) -> StripeObjects:
    return StripeObjects(sessions=sessions, **objects)


FAILED_CHARGE = {"id": "ch_1", "payment_intent": "pi_2", "status": "failed", "failure_code": "card_declined"}
LOST_CARD = FAILED_CHARGE | {"outcome": {"reason": "lost_card"}}
TWICE = (_paid(1), _paid(2))


@pytest.mark.parametrize(
    ("stripe", "state"),
    [
        (_stripe(_session(2, "open", payment_intent=None)), RecordState("pending", None, "cs_2")),
        (_stripe(_session(1, "expired"), _session(2, "open")), RecordState("pending", None, "cs_2")),
        (_stripe(_paid(1), _session(2, "expired")), RecordState("completed", None, "cs_1", "pi_1")),
        (_stripe(_paid(2, amount_total=1)), RecordState("pending", "amount_mismatch", "cs_2", "pi_2")),
        (_stripe(_paid(2, currency="usd")), RecordState("pending", "currency_mismatch", "cs_2", "pi_2")),
        (_stripe(_session(2, "open"), _paid(1, mode="setup")), RecordState("pending", None, "cs_2")),
        (
            _stripe(
                _session(2, "open"),
                charges=[FAILED_CHARGE | {"outcome": {"reason": code}} for code in ("lost_card", "expired_card")],
            ),
            RecordState("failed", "card_declined:lost_card", "cs_2"),
        ),
        (
            _stripe(_session(1, "expired", payment_intent="pi_2"), _session(2, "open"), charges=[LOST_CARD]),
            RecordState("pending", None, "cs_2"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "processing"}]),
            RecordState("pending", "awaiting_funds", "cs_2"),
        ),
        (
            _stripe(_session(1, "complete"), _session(2, "expired"), intents=[{"id": "pi_1", "status": "processing"}]),
            RecordState("pending", "awaiting_funds", "cs_2"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "requires_payment_method"}]),
            RecordState("failed", "async_payment_failed", "cs_2"),
        ),
        (_stripe(*TWICE), RecordState("completed", "paid_twice", "cs_1", "pi_1")),
        (_stripe(*TWICE, refunds=[_refund(1, 4998)]), RecordState("completed", "paid_twice", "cs_1", "pi_1")),
        (_stripe(*TWICE, refunds=[_refund(1, 4999)]), RecordState("completed", None, "cs_1", "pi_1")),
        (
            _stripe(*TWICE, refunds=[_refund(1, 4999, intent="pi_1")]),
            RecordState("completed", None, "cs_2", "pi_2"),
        ),
        (
            _stripe(*TWICE, refunds=[_refund(1, 4999, "failed")]),
            RecordState("completed", "paid_twice", "cs_1", "pi_1"),
        ),
        (
            _stripe(_paid(2), refunds=[_refund(1, 20), _refund(2, 30, "pending")]),
            RecordState("completed", None, "cs_2", "pi_2", 50),
        ),
        (
            _stripe(_paid(2), refunds=[_refund(1, 20, "failed"), _refund(2, 30), _refund(3, 40, "canceled")]),
            RecordState("completed", None, "cs_2", "pi_2", 30),
        ),
        (
            _stripe(_paid(2), disputes=[_dispute(1, "won"), _dispute(2, "lost")]),
            RecordState("completed", None, "cs_2", "pi_2", 0, "lost"),
        ),
        (
            _stripe(_paid(2), disputes=[_dispute(1, "lost"), _dispute(2, "appeal_under_review")]),
            RecordState("completed", None, "cs_2", "pi_2", 0, "review"),
        ),
        (
            _stripe(_paid(2), disputes=[_dispute(1, "prevented")]),
            RecordState("completed", None, "cs_2", "pi_2", 0, "won"),
        ),
        (
            _stripe(_paid(2), warnings=[_warning(actionable=True)]),
            RecordState("completed", "early_fraud_warning", "cs_2", "pi_2"),
        ),
        (
            _stripe(_paid(2), warnings=[_warning(actionable=False)]),
            RecordState("completed", None, "cs_2", "pi_2"),
        ),
    ],
    ids=lambda value: f"{value.status} {value.reason}" if isinstance(value, RecordState) else "",
)
def test_the_expected_state_follows_stripes_objects(stripe: StripeObjects, state: RecordState) -> None:
    expected = expected_states([REQUEST], stripe)["payment_1"]

    assert expected._replace(facts={}) == state


def test_the_expected_facts_are_the_states_of_all_objects() -> None:
    stripe = _stripe(
        _session(1, "expired"),
        _paid(2),
        _session(3, "open"),
        refunds=[_refund(1, 20, "failed"), _refund(2, 30)],
        disputes=[_dispute(1, "needs_response")],
        warnings=[_warning(actionable=False)],
    )

    assert expected_states([REQUEST], stripe)["payment_1"].facts == {
        "cs_1": ObjectFact("session", "expired", 4999),
        "cs_2": ObjectFact("session", "paid", 4999),
        "re_1": ObjectFact("refund", "failed", 20),
        "re_2": ObjectFact("refund", "succeeded", 30),
        "du_1": ObjectFact("dispute", "needs_response", 4999),
        "issfr_1": ObjectFact("warning", "not_actionable"),
    }


@pytest.mark.parametrize("origin", [{"account": "acct_other"}, {"context": "acct_other"}, {"livemode": True}], ids=str)
def test_an_event_of_another_account_is_not_our_own(origin: dict[str, object]) -> None:
    events = [{"id": "evt_1", "livemode": False}, {"id": "evt_2"} | origin]

    assert StripeObjects(events=events).event_ids == {"evt_1"}
