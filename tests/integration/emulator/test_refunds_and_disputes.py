"""Refunds and disputes payments, and warns about them, through the official package and the controls."""

from typing import Any

import pytest
import stripe

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient


@pytest.fixture
def intent(emulator: EmulatorClient) -> str:
    return str(emulator.pay(emulator.checkout().id).json()["payment_intent"])


def pay(emulator: EmulatorClient, card: str) -> str:
    return str(emulator.pay(emulator.checkout().id, card=card).json()["payment_intent"])


def charge_of(emulator: EmulatorClient, intent: str) -> Any:
    return emulator.stripe.v1.charges.list({"payment_intent": intent}).data[0]


def test_several_refunds_end_in_different_ways(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = pay(emulator, "4000000000007726")
    refunds = emulator.stripe.v1.refunds
    ids = [refunds.create({"payment_intent": intent, "amount": amount}).id for amount in (1000, 2000, 3000)]
    emulator.control(f"/_refunds/{ids[0]}/succeed")
    emulator.control(f"/_refunds/{ids[1]}/fail", reason="insufficient_funds")
    refunds.cancel(ids[2])

    listed = {one.id: one.status for one in refunds.list({"payment_intent": intent}).data}
    assert [listed[one] for one in ids] == ["succeeded", "failed", "canceled"]
    assert charge_of(emulator, intent).amount_refunded == 1000
    failed = receiver.first("refund.failed").event.data.object
    assert (failed.id, failed.failure_reason) == (ids[1], "insufficient_funds")
    assert "refunds" not in receiver.first("charge.refunded").json["data"]["object"]


def test_a_succeeded_refund_fails_later(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = pay(emulator, "4000000000005126")
    refund = emulator.stripe.v1.refunds.create({"payment_intent": intent})
    emulator.control("/_advance", seconds=1)

    assert refund.status == "succeeded"
    assert receiver.first("refund.failed").event.data.object.id == refund.id
    assert not charge_of(emulator, intent).refunded


def test_a_refund_waits_for_the_customer(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = pay(emulator, "4000000000007726")
    refund = emulator.stripe.v1.refunds.create({"payment_intent": intent, "metadata": {"reason": "storm"}})
    emulator.control(f"/_refunds/{refund.id}/require_action")
    updated = receiver.first("refund.updated").event.data.object
    emulator.control(f"/_refunds/{refund.id}/cancel")

    assert (updated.status, updated.metadata["reason"]) == ("requires_action", "storm")
    assert emulator.stripe.v1.refunds.retrieve(refund.id).status == "canceled"


@pytest.mark.parametrize("action", ["succeed", "require_action", "cancel"])
def test_a_succeeded_refund_can_only_fail(emulator: EmulatorClient, intent: str, action: str) -> None:
    refund = emulator.stripe.v1.refunds.create({"payment_intent": intent})

    answer = emulator.http.post(f"/_refunds/{refund.id}/{action}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "refund_unexpected_state")


def test_a_pending_refund_can_be_canceled_by_the_api(emulator: EmulatorClient) -> None:
    refunds = emulator.stripe.v1.refunds
    refund = refunds.create({"payment_intent": pay(emulator, "4000000000007726"), "amount": 500})

    assert (refund.status, refunds.cancel(refund.id).status) == ("pending", "canceled")
    with pytest.raises(stripe.InvalidRequestError, match="cannot become canceled"):
        refunds.cancel(refund.id)


def test_an_inquiry_becomes_a_chargeback(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = pay(emulator, "4000000000001976")
    inquiry = emulator.stripe.v1.disputes.list({"payment_intent": intent}).data[0]
    emulator.control(f"/_disputes/{inquiry.id}/status", status="warning_closed")
    chargeback = emulator.control("/_disputes", payment_intent=intent)

    listed = emulator.stripe.v1.disputes.list({"charge": inquiry.charge}).data
    assert [(one.id, one.status) for one in listed] == [
        (chargeback["id"], "needs_response"),
        (inquiry.id, "warning_closed"),
    ]
    assert receiver.first("charge.dispute.closed").event.data.object.id == inquiry.id


@pytest.mark.parametrize("decision", ["won", "lost"])
def test_a_dispute_is_appealed(emulator: EmulatorClient, intent: str, decision: str) -> None:
    dispute = emulator.control("/_disputes", payment_intent=intent)["id"]
    for status in ("under_review", "lost", "appeal_needs_response", "appeal_under_review", decision):
        emulator.control(f"/_disputes/{dispute}/status", status=status)

    types = [event["type"] for event in emulator.events() if event["data"]["object"]["id"] == dispute]
    assert types.count("charge.dispute.updated") == 3
    assert types.count("charge.dispute.closed") == 2
    assert ("charge.dispute.funds_reinstated" in types) == (decision == "won")
    assert emulator.stripe.v1.disputes.retrieve(dispute).status == decision


def test_a_dispute_keeps_its_due_date(emulator: EmulatorClient, intent: str) -> None:
    dispute = emulator.control("/_disputes", payment_intent=intent)
    moved = emulator.control(f"/_disputes/{dispute['id']}/status", status="appeal_needs_response", due_by=1_900_000_000)

    assert dispute["evidence_details"]["due_by"] > dispute["created"]
    assert moved["evidence_details"]["due_by"] == 1_900_000_000


@pytest.mark.parametrize("body", [{}, {"status": "settled"}, {"status": "won", "due_by": "soon"}])
def test_an_invalid_status_is_refused(emulator: EmulatorClient, intent: str, body: dict[str, Any]) -> None:
    dispute = emulator.control("/_disputes", payment_intent=intent)["id"]

    assert emulator.http.post(f"/_disputes/{dispute}/status", json=body).status_code == 400


def test_one_card_is_disputed_twice(emulator: EmulatorClient) -> None:
    intent = pay(emulator, "4000000404000079")
    listed = emulator.stripe.v1.disputes.list({"payment_intent": intent, "created": {"gte": 1}}).data

    assert [one.amount for one in listed] == [6000, 6000]


def test_one_card_gets_a_fraud_warning(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = pay(emulator, "4000000000005423")
    warnings = emulator.stripe.v1.radar.early_fraud_warnings
    listed = warnings.list({"payment_intent": intent, "created": {"gte": 1}}).data
    emulator.stripe.v1.refunds.create({"payment_intent": intent})

    assert isinstance(listed[0], stripe.radar.EarlyFraudWarning)
    assert receiver.first("radar.early_fraud_warning.created").event.data.object.id == listed[0].id
    assert not receiver.first("radar.early_fraud_warning.updated").event.data.object.actionable
    assert (listed[0].actionable, warnings.retrieve(listed[0].id).actionable) == (True, False)


def test_a_warning_can_be_created_for_any_payment(emulator: EmulatorClient, intent: str) -> None:
    warning = emulator.control("/_early_fraud_warnings", payment_intent=intent, fraud_type="misc")
    emulator.control("/_disputes", payment_intent=intent)
    read = emulator.stripe.v1.radar.early_fraud_warnings.retrieve(warning["id"])

    assert warning["id"].startswith("issfr_")
    assert (read.payment_intent, read.fraud_type, read.actionable) == (intent, "misc", False)


def test_an_invalid_warning_is_refused(emulator: EmulatorClient, intent: str) -> None:
    unknown = emulator.http.post("/_early_fraud_warnings", json={"payment_intent": "pi_1"})
    rumour = emulator.http.post("/_early_fraud_warnings", json={"payment_intent": intent, "fraud_type": "rumour"})

    assert (unknown.status_code, rumour.status_code) == (400, 400)
    assert "made_with_stolen_card" in rumour.json()["error"]["message"]


def test_new_events_are_listed_by_type(emulator: EmulatorClient, receiver: Receiver, intent: str) -> None:
    emulator.control("/_early_fraud_warnings", payment_intent=intent)
    emulator.stripe.v1.refunds.create({"payment_intent": intent, "amount": 500})
    types = ["radar.early_fraud_warning.created", "refund.created"]
    listed = emulator.stripe.v1.events.list({"types": types}).data

    assert [event.type for event in listed] == types[::-1]
    assert emulator.stripe.v1.events.retrieve(listed[1].id).data.object.payment_intent == intent
    warning = receiver.first("radar.early_fraud_warning.created").event
    rows = emulator.get("/_deliveries", type="radar.early_fraud_warning.created")["data"]
    assert {row["event"] for row in rows} <= {warning.id}
