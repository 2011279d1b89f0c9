"""Tests the comparison of the chaos suite: it accepts a correct table and names each altered record."""

import asyncio
import copy
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.chaos.compare import Mismatch, compare
from tests.chaos.context import RunContext, RunResult, stripe_objects
from tests.chaos.journeys import JOURNEYS, RECONCILED_JOURNEYS
from tests.chaos.runs import RUNS
from tests.chaos.steps import STEPS
from tests.chaos.truth import (
    STATES,
    PaymentRequest,
    StripeObjects,
    expected_states,
    objects_by_payment,
)
from tests.support.chaos_alterations import ALTERATIONS, Records
from tests.support.examples import examples

EVENTS = examples(200, 300)


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
    return asyncio.run(_execute(RunContext(folder, free_port, dynamodb_endpoint, events=EVENTS, seed=1)))


def test_a_run_without_faults_has_no_mismatch(quiet_run: QuietRun) -> None:
    assert not quiet_run.clean.failed
    assert quiet_run.clean.events >= EVENTS
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
