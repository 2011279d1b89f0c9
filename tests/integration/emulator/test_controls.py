"""Calls the emulator's own controls under `/_…`."""

from typing import Any

import pytest
import stripe

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient
from tests.support.waiting import until


def test_a_payment_returns_the_redirect_url(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    paid = emulator.pay(session.id, card="5555 5555 5555 4444", email="customer@example.test").json()

    assert (paid["status"], paid["payment_status"], paid["merchant_answered"]) == ("complete", "paid", True)
    assert paid["redirect_url"] == f"http://merchant.test/success?session_id={session.id}"


def test_a_declined_payment_returns_the_reason(emulator: EmulatorClient) -> None:
    answer = emulator.pay(emulator.checkout().id, card="4000000000009995")

    assert answer.status_code == 402
    assert answer.json()["error"]["decline_code"] == "insufficient_funds"


@pytest.mark.parametrize(
    ("how", "status"), [({"colour": "red"}, 400), ({"method": "delayed", "after_seconds": "soon"}, 402)]
)
def test_an_invalid_payment_is_refused(emulator: EmulatorClient, how: dict[str, str], status: int) -> None:
    assert emulator.pay(emulator.checkout().id, **how).status_code == status


def test_an_unknown_session_is_resource_missing(emulator: EmulatorClient) -> None:
    answer = emulator.pay("cs_test_nobody")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


@pytest.mark.parametrize(("result", "status"), [("succeeded", "paid"), ("failed", "unpaid")])
def test_a_delayed_payment_can_be_settled_now(
    emulator: EmulatorClient, receiver: Receiver, result: str, status: str
) -> None:
    session = emulator.checkout()
    emulator.pay(session.id, method="delayed", after_seconds=3600)
    first = emulator.http.post(f"/_sessions/{session.id}/settle", params={"result": result})
    second = emulator.http.post(f"/_sessions/{session.id}/settle", params={"result": result})

    assert (first.status_code, second.status_code) == (200, 400)
    session_after = receiver.first(f"checkout.session.async_payment_{result}").event.data.object
    assert (session_after.id, session_after.payment_status) == (session.id, status)


def test_a_delayed_payment_settles_by_itself(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.pay(emulator.checkout().id, method="delayed", outcome="failed", after_seconds=0)

    failed = receiver.first("payment_intent.payment_failed").event.data.object
    assert failed.last_payment_error.code == "payment_intent_payment_attempt_failed"
    receiver.first("checkout.session.async_payment_failed")


def test_the_clock_can_be_moved_ahead(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout()
    moved = emulator.http.post("/_advance", json={"seconds": 24 * 3600}).json()

    assert moved["now"] >= session.expires_at
    assert receiver.first("checkout.session.expired").event.data.object.id == session.id


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": "60"}, {"seconds": True}, {"minutes": 1}])
def test_the_clock_cannot_be_moved_back(emulator: EmulatorClient, body: dict[str, Any]) -> None:
    assert emulator.http.post("/_advance", json=body).status_code == 400


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_payment_can_be_disputed_and_decided(emulator: EmulatorClient, receiver: Receiver, status: str) -> None:
    intent = emulator.pay(emulator.checkout().id).json()["payment_intent"]
    opened = emulator.http.post(
        "/_disputes", json={"payment_intent": intent, "reason": "product_not_received", "amount": 6000}
    ).json()
    emulator.http.post(f"/_disputes/{opened['id']}/close", params={"status": status}).raise_for_status()

    created = receiver.first("charge.dispute.created").event.data.object
    assert (created.amount, created.reason) == (6000, "product_not_received")
    assert receiver.first("charge.dispute.closed").event.data.object.status == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payment_intent": 1},
        {"payment_intent": "pi_1"},
        {"payment_intent": "pi_1", "amount": "all"},
        {"payment_intent": "pi_1", "reason": 1},
        {"payment_intent": "pi_1", "colour": "red"},
    ],
)
def test_an_invalid_dispute_is_refused(emulator: EmulatorClient, body: dict[str, Any]) -> None:
    assert emulator.http.post("/_disputes", json=body).status_code == 400


def test_a_refund_can_be_made_to_fail(emulator: EmulatorClient, receiver: Receiver) -> None:
    intent = emulator.pay(emulator.checkout().id).json()["payment_intent"]
    refund = emulator.stripe.v1.refunds.create({"payment_intent": intent})
    emulator.http.post(f"/_refunds/{refund.id}/fail").raise_for_status()

    assert receiver.first("refund.failed").event.data.object.failure_reason == "expired_or_canceled_card"


@pytest.mark.parametrize("address", ["/_events/{}/resend", "/v1/events/{}/retry"])
def test_a_resent_event_has_the_same_body(emulator: EmulatorClient, receiver: Receiver, address: str) -> None:
    emulator.pay(emulator.checkout().id)
    first = receiver.first("checkout.session.completed")
    receiver.wait(lambda requests: len(requests) == 4)
    emulator.http.post(address.format(first.event.id), auth=("sk_test_a", "")).raise_for_status()

    received = receiver.wait(lambda requests: len(requests) == 5)
    assert received[-1].body == first.body
    assert received[-1].event.id == first.event.id


def test_delivery_attempts_are_listed(emulator: EmulatorClient, receiver: Receiver) -> None:
    receiver.answer = lambda _received, number: 500 if number <= 2 else 200
    customer = emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})
    receiver.wait(lambda requests: len(requests) == 3)
    event = receiver.requests[0].json["id"]

    rows = emulator.http.get("/_deliveries", params={"event": event}).json()["data"]
    assert [(row["attempt"], row["status"], row["object"]) for row in rows][:2] == [
        (1, 500, customer.id),
        (2, 500, customer.id),
    ]


def test_two_secrets_sign_while_one_is_rolled(emulator: EmulatorClient, receiver: Receiver) -> None:
    endpoint = emulator.stripe.v1.webhook_endpoints.list().data[0].id
    rolled = {"secrets": ["whsec_new", receiver.secret]}
    emulator.http.put(f"/_webhook_endpoints/{endpoint}/secrets", json=rolled).raise_for_status()
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})

    received = receiver.first("customer.created")
    for secret in rolled["secrets"]:
        assert stripe.WebhookSignature.verify_header(
            received.body.decode(), received.headers["Stripe-Signature"], secret
        )


@pytest.mark.parametrize("body", [{}, {"secrets": []}, {"secrets": "whsec_a"}, {"secrets": ["whsec_a"], "x": 1}])
def test_invalid_secrets_are_refused(emulator: EmulatorClient, body: dict[str, Any]) -> None:
    endpoint = emulator.stripe.v1.webhook_endpoints.list().data[0].id

    assert emulator.http.put(f"/_webhook_endpoints/{endpoint}/secrets", json=body).status_code == 400


def test_waiting_deliveries_can_be_retried_now(start: Start, receiver: Receiver) -> None:
    emulator = start(EMULATOR_RETRY_BASE_SECONDS="60")
    receiver.answer = lambda _received, number: 500 if number == 1 else 200
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})
    receiver.wait(lambda requests: len(requests) == 1)
    until(lambda: emulator.http.post("/_deliveries/retry").json()["retried"])

    receiver.wait(lambda requests: len(requests) == 2)
    assert emulator.http.get("/_deliveries").json()["attempts"] == 2


def test_a_reset_deletes_everything(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    emulator.http.put("/_faults", json={"duplicate": 1})
    emulator.http.post("/_advance", json={"seconds": 3600})
    emulator.http.post("/_reset").raise_for_status()

    assert emulator.http.get(f"/c/pay/{session.id}").status_code == 404
    assert emulator.http.get("/_faults").json() == {}
    assert emulator.stripe.v1.events.list().data == []
    assert emulator.http.post("/_advance", json={"seconds": 0}).json()["ahead"] == 0


@pytest.mark.parametrize(
    "address",
    [
        "/_disputes/dp_1/close?status=won",
        "/_refunds/re_1/fail",
        "/_refunds/re_1/succeed",
        "/_refunds/re_1/cancel",
        "/_refunds/re_1/require_action",
        "/_events/evt_1/resend",
        "/_events/evt_1/copy",
    ],
)
def test_an_unknown_object_is_resource_missing(emulator: EmulatorClient, address: str) -> None:
    answer = emulator.http.post(address)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
