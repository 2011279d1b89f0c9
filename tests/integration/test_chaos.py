"""The chaos suite's own verdict: it says nothing of a healthy table, and names what is altered by hand."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.chaos.compare import Finding, compare
from tests.chaos.runs import RUNS
from tests.chaos.scene import Scene, Verdict
from tests.chaos.truth import Asked, State, Stripe, demands

Records = dict[str, dict[str, Any]]


class Played(NamedTuple):
    """A run without any trouble, and the same table judged again with one record altered."""

    asked: list[Asked]
    stripe: Stripe
    records: Records
    clean: Verdict
    altered_id: str
    altered: Verdict


async def _play(scene: Scene) -> Played:
    async with scene.on_stage() as stage:
        stage.start_emulator()
        stage.start_webhook()
        load = await scene.load(stage)
        await load.sell()
        await stage.settled()
        await load.follow_up()
        clean = await scene.verdict(stage, load)
        records = stage.records()
        altered_id = next(name for name, record in records.items() if record["payment_status"] == "completed")
        stage.table.update_item(
            Key={"payment_intent_id": altered_id},
            UpdateExpression="SET payment_status = :failed",
            ExpressionAttributeValues={":failed": "failed"},
        )
        altered = await scene.verdict(stage, load)
        plain = {name: dict(record) for name, record in records.items()}
        return Played(load.asked, await stage.truth(), plain, clean, altered_id, altered)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str) -> Played:
    folder = tmp_path_factory.mktemp("chaos") / "quiet"
    return asyncio.run(_play(Scene(folder, free_port, dynamodb_endpoint, events=300, seed=1)))


def test_a_run_without_trouble_leaves_nothing_to_say(played: Played) -> None:
    assert not played.clean.failed
    assert played.clean.events >= 300
    assert played.clean.answered == played.clean.sent == played.clean.events
    assert played.clean.applied + played.clean.duplicates + played.clean.stale == played.clean.events


def test_a_record_altered_by_hand_in_the_table_fails_the_run_and_is_named(played: Played) -> None:
    (finding,) = played.altered.findings

    assert played.altered.failed
    assert (finding.kind, finding.payment_id) == ("lost", played.altered_id)
    assert played.altered_id in str(finding)
    assert "Stripe says State(status='completed'" in str(finding)
    assert "the table says State(status='failed'" in str(finding)
    assert "checkout.session.completed" in finding.history


def _one(records: Records, **fields: object) -> str:
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
    records[payment_id]["history"][0]["event_id"] = "evt_of_nobody"
    return payment_id


def _add(records: Records) -> str:
    records["payment_of_nobody"] = {"payment_status": "completed"}
    return "payment_of_nobody"


DAMAGES: dict[str, tuple[str, Callable[[Records], str]]] = {
    "a completed payment forgotten": (
        "lost",
        lambda all_: _set(_one(all_, payment_status="completed"), all_, payment_status="pending"),
    ),
    "a record gone": ("lost", lambda all_: _drop(_one(all_, payment_status="expired"), all_)),
    "an expired payment completed": (
        "wrong",
        lambda all_: _set(_one(all_, payment_status="expired"), all_, payment_status="completed"),
    ),
    "money on its way taken for failed": (
        "wrong",
        lambda all_: _set(
            _one(all_, status_reason="awaiting_funds"),
            all_,
            payment_status="failed",
            status_reason="async_payment_failed",
        ),
    ),
    "another decline": (
        "wrong",
        lambda all_: _set(_one(all_, status_reason="expired_card"), all_, status_reason="card_declined:lost_card"),
    ),
    "paid twice, not said": (
        "wrong",
        lambda all_: _set(_one(all_, status_reason="paid_twice"), all_, status_reason=None),
    ),
    "a refund forgotten": ("lost", lambda all_: _set(_refunded(all_), all_, amount_refunded=0)),
    "a refund made up": (
        "wrong",
        lambda all_: _set(_one(all_, payment_status="completed", amount_refunded=None), all_, amount_refunded=1),
    ),
    "a verdict forgotten": (
        "lost",
        lambda all_: _set(_one(all_, dispute_status="won"), all_, dispute_status="open"),
    ),
    "somebody else's payer": (
        "wrong",
        lambda all_: _set(_one(all_, payment_status="completed"), all_, stripe_payment_intent="pi_of_nobody"),
    ),
    "an event twice": ("twice", lambda all_: _repeat(_one(all_, payment_status="completed"), all_)),
    "an event that never was": ("wrong", lambda all_: _invent(_one(all_, payment_status="completed"), all_)),
    "a payment that nobody made": ("wrong", _add),
}


def _refunded(records: Records) -> str:
    return next(name for name, record in records.items() if record.get("amount_refunded"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_found_and_nothing_else(played: Played, damage: str) -> None:
    records = copy.deepcopy(played.records)
    kind, do = DAMAGES[damage]
    payment_id = do(records)

    found: list[Finding] = compare(played.asked, played.stripe, records)

    assert [(finding.payment_id, finding.kind) for finding in found if finding.kind == kind] == [(payment_id, kind)]
    assert {finding.payment_id for finding in found} == {payment_id}


def test_every_way_a_payment_can_end_is_in_the_load(played: Played) -> None:
    ends = {
        (
            state.status,
            state.reason if state.status != "failed" or state.reason == "async_payment_failed" else "declined",
        )
        for state in demands(played.asked, played.stripe).values()
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


def test_the_runs_are_those_that_were_asked_for() -> None:
    assert "".join(run.key for run in RUNS) == "abcdefgh"
    assert sum(run.share for run in RUNS) >= 1


ASKED = Asked("payment_1", 4999, "SGD", "cs_2")


def _session(number: int, status: str, payment_status: str = "unpaid", **fields: object) -> dict[str, Any]:
    session = {"id": f"cs_{number}", "client_reference_id": "payment_1", "payment_intent": f"pi_{number}"}
    return (
        session | {"status": status, "payment_status": payment_status, "currency": "sgd", "amount_total": 4999} | fields
    )


def _stripe(*sessions: dict[str, Any], **objects: list[dict[str, Any]]) -> Stripe:
    kinds: dict[str, Any] = {"intents": [], "charges": [], "refunds": [], "disputes": []}
    return Stripe(sessions=sessions, event_ids=frozenset(), **(kinds | objects))


FAILED_CHARGE = {"payment_intent": "pi_2", "status": "failed", "failure_code": "card_declined"}


@pytest.mark.parametrize(
    ("stripe", "state"),
    [
        (_stripe(_session(2, "open", payment_intent=None)), State("pending")),
        (_stripe(_session(1, "expired"), _session(2, "open")), State("pending")),
        (_stripe(_session(1, "complete", "paid"), _session(2, "expired")), State("completed", None, "pi_1")),
        (_stripe(_session(2, "complete", "paid", amount_total=1)), State("pending", "amount_mismatch", "pi_2")),
        (_stripe(_session(2, "complete", "paid", currency="usd")), State("pending", "currency_mismatch", "pi_2")),
        (
            _stripe(_session(1, "complete", "paid"), _session(2, "complete", "paid")),
            State("completed", "paid_twice", "pi_1"),
        ),
        (
            _stripe(
                _session(2, "open"),
                charges=[FAILED_CHARGE | {"outcome": {"reason": code}} for code in ("lost_card", "expired_card")],
            ),
            State("failed", "card_declined:lost_card"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "processing"}]),
            State("pending", "awaiting_funds"),
        ),
        (
            _stripe(_session(2, "complete"), intents=[{"id": "pi_2", "status": "requires_payment_method"}]),
            State("failed", "async_payment_failed"),
        ),
        (
            _stripe(
                _session(2, "complete", "paid"),
                refunds=[{"payment_intent": "pi_2", "amount": 20}, {"payment_intent": "pi_2", "amount": 30}],
                disputes=[{"payment_intent": "pi_2", "status": "lost"}],
            ),
            State("completed", None, "pi_2", 50, "lost"),
        ),
    ],
    ids=lambda value: f"{value.status} {value.reason}" if isinstance(value, State) else "",
)
def test_what_stripe_s_objects_demand(stripe: Stripe, state: State) -> None:
    assert demands([ASKED], stripe) == {"payment_1": state}
