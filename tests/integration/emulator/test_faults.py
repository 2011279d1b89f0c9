"""What goes wrong on request: deliveries and API calls."""

from collections import Counter
from typing import Any

import pytest
import stripe

PARAMS: Any = {"amount": 500, "currency": "sgd"}


def fault(emulator: Any, **faults: Any) -> None:
    emulator.http.put("/_faults", json=faults).raise_for_status()


def test_a_duplicated_event_arrives_so_many_times_more(emulator: Any, receiver: Any) -> None:
    fault(emulator, per_type={"checkout.session.completed": {"duplicate": 2}})
    emulator.pay(emulator.checkout().id)

    received = receiver.wait(lambda requests: len(requests) >= 6)
    assert Counter(receiver.types())["checkout.session.completed"] == 3
    assert len({one.body for one in received}) == 4


def test_a_dropped_event_never_arrives_but_is_listed_as_undelivered(emulator: Any, receiver: Any) -> None:
    fault(emulator, per_type={"payment_intent.succeeded": {"drop": True}})
    emulator.pay(emulator.checkout().id)
    receiver.wait(lambda requests: len(requests) >= 3)

    undelivered = emulator.http.get("/_deliveries", params={"type": "payment_intent.succeeded"}).json()["data"]
    assert [row["error"] for row in undelivered] == ["dropped by a fault"]
    assert "payment_intent.succeeded" not in receiver.types()
    events = emulator.stripe.v1.events.list({"delivery_success": False, "type": "payment_intent.succeeded"})
    assert [event.pending_webhooks for event in events.data] == [1]


def test_held_events_arrive_shuffled_once_there_are_enough(emulator: Any, receiver: Any) -> None:
    fault(emulator, reorder={"hold": 8, "seed": 3})
    emulator.pay(emulator.checkout().id, wait=False)
    held = (list(receiver.types()), emulator.http.get("/_deliveries").json()["states"]["held"])
    emulator.pay(emulator.checkout().id, wait=False)

    receiver.wait(lambda requests: len(requests) == 8)
    assert held == ([], 4)
    emitted = [event.type for event in emulator.stripe.v1.events.list().data][::-1]
    assert receiver.types() != emitted
    assert sorted(receiver.types()) == sorted(emitted)


def test_what_is_held_arrives_when_the_faults_end(emulator: Any, receiver: Any) -> None:
    fault(emulator, reorder={"hold": 100})
    emulator.pay(emulator.checkout().id, wait=False)
    emulator.http.delete("/_faults")

    receiver.wait(lambda requests: len(requests) == 4)
    assert emulator.http.get("/_faults").json() == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_api_call_fails_with_the_wanted_status_then_works(emulator: Any, status: int) -> None:
    fault(emulator, api_error={"status": status, "times": 1, "path": "/v1/payment_intents"})

    with pytest.raises(stripe.StripeError) as refused:
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert refused.value.http_status == status
    assert emulator.stripe.v1.payment_intents.create(PARAMS).amount == 500


def test_a_busy_stripe_says_how_long_to_wait(emulator: Any) -> None:
    fault(emulator, api_error={"status": 429, "times": 1, "retry_after": 3})

    with pytest.raises(stripe.RateLimitError) as refused:
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert (refused.value.headers or {})["Retry-After"] == "3"


def test_other_paths_are_left_alone(emulator: Any) -> None:
    fault(emulator, api_error={"status": 500, "path": "/v1/checkout"})

    assert emulator.stripe.v1.payment_intents.create(PARAMS).amount == 500
    with pytest.raises(stripe.APIError):
        emulator.checkout()


@pytest.mark.parametrize(("drop", "made"), [("request", 0), ("response", 1)])
def test_a_lost_connection_may_have_done_its_work(emulator: Any, drop: str, made: int) -> None:
    fault(emulator, api_error={"drop": drop, "times": 1})

    with pytest.raises(stripe.APIConnectionError):
        emulator.stripe.v1.payment_intents.create(PARAMS)

    assert len(emulator.stripe.v1.payment_intents.list().data) == made


def test_a_retry_with_the_same_key_after_a_lost_answer_makes_nothing_new(emulator: Any) -> None:
    fault(emulator, api_error={"drop": "response", "times": 1})
    client = stripe.StripeClient("sk_test_a", base_addresses={"api": emulator.url}, max_network_retries=2)

    intent = client.v1.payment_intents.create(PARAMS)

    assert [one.id for one in emulator.stripe.v1.payment_intents.list().data] == [intent.id]


@pytest.mark.parametrize("status", [402, 500])
@pytest.mark.parametrize(("stored", "works"), [(False, True), (True, False)])
def test_a_stored_error_is_the_answer_to_its_key_for_good(
    emulator: Any, status: int, *, stored: bool, works: bool
) -> None:
    fault(emulator, api_error={"status": status, "times": 1, "stored": stored})
    key = {"idempotency_key": "payment_1/1"}
    with pytest.raises(stripe.StripeError):
        emulator.stripe.v1.payment_intents.create(PARAMS, key)

    again = emulator.http.post(
        "/v1/payment_intents", data=PARAMS, auth=("sk_test_a", ""), headers={"Idempotency-Key": "payment_1/1"}
    )
    assert (again.status_code == 200) == works


def test_a_wrong_wish_changes_nothing_and_is_explained(emulator: Any) -> None:
    fault(emulator, duplicate=1)
    answer = emulator.http.put("/_faults", json={"duplicate": -1, "colour": "red"})

    assert answer.status_code == 422
    assert "duplicate must be a whole number" in answer.json()["error"]["message"]
    assert "unknown field colour" in answer.json()["error"]["message"]
    assert emulator.http.get("/_faults").json() == {"duplicate": 1}


@pytest.mark.parametrize("body", ["{", "[]", "1"])
def test_what_is_no_json_object_is_refused(emulator: Any, body: str) -> None:
    assert emulator.http.put("/_faults", content=body).status_code == 422
