"""Tests the states and facts that the chaos suite derives from Stripe's objects."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.chaos.truth import ObjectFact, PaymentRequest, RecordState, StripeObjects, expected_states

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
