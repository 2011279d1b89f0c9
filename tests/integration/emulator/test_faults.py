"""Injects faults into deliveries and API calls."""

from collections import Counter
from typing import Any

import pytest
import stripe

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

PARAMS: Any = {"amount": 500, "currency": "sgd"}


def test_a_duplicated_event_arrives_more_than_once(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.set_faults(per_type={"checkout.session.completed": {"duplicate": 2}})
    emulator.pay(emulator.checkout().id)

    received = receiver.wait(lambda requests: len(requests) >= 6)
    assert Counter(receiver.types())["checkout.session.completed"] == 3
    assert len({one.body for one in received}) == 4


def test_a_dropped_event_is_listed_as_undelivered(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.set_faults(per_type={"payment_intent.succeeded": {"drop": True}})
    emulator.pay(emulator.checkout().id)
    receiver.wait(lambda requests: len(requests) >= 3)

    undelivered = emulator.http.get("/_deliveries", params={"type": "payment_intent.succeeded"}).json()["data"]
    assert [row["error"] for row in undelivered] == ["dropped by a fault"]
    assert "payment_intent.succeeded" not in receiver.types()
    events = emulator.stripe.v1.events.list({"delivery_success": False, "type": "payment_intent.succeeded"})
    assert [event.pending_webhooks for event in events.data] == [1]


def test_enough_held_events_arrive_in_random_order(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.set_faults(reorder={"hold": 8, "seed": 3})
    emulator.pay(emulator.checkout().id, wait=False)
    before = (list(receiver.types()), emulator.http.get("/_deliveries").json()["states"]["held"])
    emulator.pay(emulator.checkout().id, wait=False)

    receiver.wait(lambda requests: len(requests) == 8)
    assert before == ([], 4)
    emitted = [event.type for event in emulator.stripe.v1.events.list().data][::-1]
    assert receiver.types() != emitted
    assert sorted(receiver.types()) == sorted(emitted)


def test_held_events_arrive_when_the_faults_end(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.set_faults(reorder={"hold": 100})
    emulator.pay(emulator.checkout().id, wait=False)
    emulator.http.delete("/_faults")

    receiver.wait(lambda requests: len(requests) == 4)
    assert emulator.http.get("/_faults").json() == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_api_call_fails_once_with_the_status(emulator: EmulatorClient, status: int) -> None:
    emulator.set_faults(api_error={"status": status, "times": 1, "path": "/v1/payment_intents"})

    with pytest.raises(stripe.StripeError) as error_info:
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert error_info.value.http_status == status
    assert emulator.stripe.v1.payment_intents.create(PARAMS).amount == 500


def test_a_rate_limit_has_a_retry_after_header(emulator: EmulatorClient) -> None:
    emulator.set_faults(api_error={"status": 429, "times": 1, "retry_after": 3})

    with pytest.raises(stripe.RateLimitError) as error_info:
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert (error_info.value.headers or {})["Retry-After"] == "3"


def test_other_paths_are_not_affected(emulator: EmulatorClient) -> None:
    emulator.set_faults(api_error={"status": 500, "path": "/v1/checkout"})

    assert emulator.stripe.v1.payment_intents.create(PARAMS).amount == 500
    with pytest.raises(stripe.APIError):
        emulator.checkout()


@pytest.mark.parametrize(("drop", "executions"), [("request", 0), ("response", 1)])
def test_only_a_call_with_a_lost_response_was_executed(emulator: EmulatorClient, drop: str, executions: int) -> None:
    emulator.set_faults(api_error={"drop": drop, "times": 1})

    with pytest.raises(stripe.APIConnectionError):
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert len(emulator.stripe.v1.payment_intents.list().data) == executions


def test_a_retry_after_a_lost_response_creates_nothing_new(emulator: EmulatorClient) -> None:
    emulator.set_faults(api_error={"drop": "response", "times": 1})
    client = stripe.StripeClient("sk_test_a", base_addresses={"api": emulator.url}, max_network_retries=2)

    intent = client.v1.payment_intents.create(PARAMS)

    assert [one.id for one in emulator.stripe.v1.payment_intents.list().data] == [intent.id]


@pytest.mark.parametrize("status", [402, 500])
@pytest.mark.parametrize(("stored", "works"), [(False, True), (True, False)])
def test_a_stored_error_is_repeated_for_its_key(
    emulator: EmulatorClient, status: int, *, stored: bool, works: bool
) -> None:
    emulator.set_faults(api_error={"status": status, "times": 1, "stored": stored})
    key = {"idempotency_key": "payment_1/1"}
    with pytest.raises(stripe.StripeError):
        emulator.stripe.v1.payment_intents.create(PARAMS, key)

    again = emulator.http.post(
        "/v1/payment_intents", data=PARAMS, auth=("sk_test_a", ""), headers={"Idempotency-Key": "payment_1/1"}
    )
    assert (again.status_code == 200) == works


def test_invalid_faults_change_nothing_and_are_explained(emulator: EmulatorClient) -> None:
    emulator.set_faults(duplicate=1)
    answer = emulator.http.put("/_faults", json={"duplicate": -1, "colour": "red"})

    assert answer.status_code == 422
    assert "duplicate must be a whole number" in answer.json()["error"]["message"]
    assert "unknown field colour" in answer.json()["error"]["message"]
    assert emulator.http.get("/_faults").json() == {"duplicate": 1}


@pytest.mark.parametrize("body", ["{", "[]", "1"])
def test_a_body_must_be_a_json_object(emulator: EmulatorClient, body: str) -> None:
    assert emulator.http.put("/_faults", content=body).status_code == 422
