"""Cancels payments while Stripe, the table and the service itself fail, and supersedes payments."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import dynamodb_faults as faults
from tests.support import plain_http
from tests.support.checkout_api import SECRETS, payment_body
from tests.support.dynamodb_faults import Call, CallResponse, Forward
from tests.support.emulator import EmulatorClient
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.shop import Shop, code_of, open_account, open_shop
from tests.support.waiting import until

SESSIONS = "/v1/checkout/sessions"
CANCELED = {"payment_status": "expired", "status_reason": "canceled", "final": True, "payable": False}


@pytest.fixture(scope="module")
def emulator(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[EmulatorClient]:
    with open_account(start_service, free_port) as account:
        yield account


@pytest.fixture(scope="module")
def checkout(emulator: EmulatorClient, start_service: Callable[..., str], proxy: FaultyDynamoDB) -> str:
    return start_service("checkout", STRIPE_API_BASE=emulator.url, **SECRETS, DDB_ENDPOINT=proxy.endpoint)


@pytest.fixture
def shop(checkout: str, emulator: EmulatorClient, dynamodb: FaultyDynamoDB) -> Iterator[Shop]:
    del dynamodb
    with (shop := open_shop(checkout, emulator)).api:
        yield shop
    emulator.set_faults()


def test_a_canceled_payment_is_expired_and_its_link_too(shop: Shop) -> None:
    payment = shop.create()

    answer = shop.cancel(payment["payment_intent_id"])

    assert (answer.status_code, CANCELED.items() <= answer.json().items()) == (200, True)
    by_its_event = {"version": 0, "history": [], "updated_at": "", "webhook_processed_at": None}
    assert answer.json() | by_its_event == shop.read(payment["payment_intent_id"]) | by_its_event
    assert shop.session(payment["stripe_session_id"])["status"] == "expired"


def test_the_event_of_the_expired_link_changes_nothing(shop: Shop) -> None:
    payment_id = shop.create()["payment_intent_id"]
    shop.account.set_faults(duplicate=2)
    shop.cancel(payment_id)

    def history() -> list[str]:
        return [line["event_type"] for line in shop.read(payment_id)["history"]]

    assert until(lambda: history() == ["checkout.session.expired"], "the event")
    assert CANCELED.items() <= shop.read(payment_id).items()


def test_a_canceled_payment_gets_no_new_link(shop: Shop) -> None:
    body = payment_body()
    shop.create(**body)
    shop.cancel(body["payment_intent_id"])

    assert code_of(shop.api.post("/payments", json=body)) == (409, "payment_canceled")


def test_repeated_and_concurrent_calls_are_a_200(shop: Shop) -> None:
    payment_id = shop.create()["payment_intent_id"]

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(shop.cancel, [payment_id] * 8))
    again = shop.cancel(payment_id)

    assert {answer.status_code for answer in (*answers, again)} == {200}
    assert {answer.json()["status_reason"] for answer in (*answers, again)} == {"canceled"}


def test_an_unknown_payment_is_a_404(shop: Shop) -> None:
    assert code_of(shop.cancel("payment_of_nobody")) == (404, "payment_not_found")


def test_a_caller_without_a_token_cancels_nothing(shop: Shop) -> None:
    payment_id = shop.create()["payment_intent_id"]

    answer = plain_http.request("POST", f"{shop.api.base_url}/payments/{payment_id}/cancel")

    assert (code_of(answer), shop.read(payment_id)["payable"]) == ((401, "unauthorized"), True)


def test_a_paid_payment_is_not_canceled(shop: Shop) -> None:
    payment = shop.create()
    shop.account.pay(payment["stripe_session_id"]).raise_for_status()
    shop.until(payment["payment_intent_id"], "completed")

    assert code_of(shop.cancel(payment["payment_intent_id"])) == (409, "already_completed")


def test_money_on_its_way_is_not_canceled(shop: Shop) -> None:
    payment = shop.create()
    shop.account.pay(payment["stripe_session_id"], method="delayed", after_seconds=3600).raise_for_status()
    shop.until(payment["payment_intent_id"], "pending", "awaiting_funds")

    assert code_of(shop.cancel(payment["payment_intent_id"])) == (409, "awaiting_funds")


def test_a_failed_delayed_payment_can_be_canceled(shop: Shop) -> None:
    payment = shop.create()
    shop.account.pay(payment["stripe_session_id"], method="delayed", after_seconds=3600)
    shop.account.control(f"/_sessions/{payment['stripe_session_id']}/settle?result=failed")
    shop.until(payment["payment_intent_id"], "failed", "async_payment_failed")

    assert CANCELED.items() <= shop.cancel(payment["payment_intent_id"]).json().items()


def test_a_declined_payment_can_be_canceled(shop: Shop) -> None:
    payment = shop.create()
    shop.account.pay(payment["stripe_session_id"], card="4000000000009995")

    assert CANCELED.items() <= shop.cancel(payment["payment_intent_id"]).json().items()
    assert shop.session(payment["stripe_session_id"])["status"] == "expired"


def test_a_payment_whose_event_is_late_is_not_canceled(shop: Shop) -> None:
    payment = shop.create()
    shop.account.set_faults(delay_seconds=3600)
    shop.account.pay_without_waiting(payment["stripe_session_id"])

    assert code_of(shop.cancel(payment["payment_intent_id"])) == (409, "awaiting_confirmation")
    assert shop.read(payment["payment_intent_id"])["payment_status"] == "pending"


@pytest.mark.parametrize("drop", ["request", "response"])
def test_after_an_outage_of_stripe_the_same_call_finishes(shop: Shop, drop: str) -> None:
    """Whether Stripe has executed the call or not. The event of an executed one is late."""
    payment = shop.create()
    shop.account.set_faults(delay_seconds=3600, api_error={"path": SESSIONS, "drop": drop})

    during = shop.cancel(payment["payment_intent_id"])
    between = shop.read(payment["payment_intent_id"])
    shop.account.set_faults()
    after = shop.cancel(payment["payment_intent_id"])

    assert code_of(during) == (502, "stripe_unreachable")
    assert (between["payment_status"], between["version"]) == ("pending", payment["version"])
    assert (after.status_code, CANCELED.items() <= after.json().items()) == (200, True)
    assert shop.session(payment["stripe_session_id"])["status"] == "expired"


def test_a_lost_creation_leaves_no_link_to_a_canceled_payment(shop: Shop) -> None:
    body = payment_body()
    shop.account.set_faults(api_error={"path": SESSIONS, "drop": "response"})
    created = shop.api.post("/payments", json=body)
    shop.account.set_faults()

    answer = shop.cancel(body["payment_intent_id"])

    sessions = [one for one in shop.sessions() if one["client_reference_id"] == body["payment_intent_id"]]
    assert (code_of(created), answer.status_code) == ((502, "stripe_unreachable"), 200)
    assert [one["status"] for one in sessions] == ["expired"]


def test_a_call_after_half_a_cancellation_gets_a_link_that_works(shop: Shop) -> None:
    """The session of a lost creation was expired, and the response was lost, too. Its event is late."""
    body = payment_body()
    shop.account.set_faults(api_error={"path": SESSIONS, "drop": "response"}, delay_seconds=3600)
    shop.api.post("/payments", json=body)
    shop.account.set_faults(api_error={"path": f"{SESSIONS}/", "drop": "response"}, delay_seconds=3600)
    assert code_of(shop.cancel(body["payment_intent_id"]))[0] == 502
    shop.account.set_faults()

    payment = shop.api.post("/payments", json=body).raise_for_status().json()["payment"]

    assert shop.session(payment["stripe_session_id"])["status"] == "open"


class Hold:
    """Holds the conditional write of a checkout service, and then drops it."""

    def __init__(self) -> None:
        self.arrived, self.released = threading.Event(), threading.Event()

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        if call.operation != "UpdateItem":
            return forward(call)
        self.arrived.set()
        self.released.wait(60)
        return faults.closed_connection(call, forward)


def test_a_crash_between_expiry_and_mark_can_be_repeated(
    shop: Shop, dynamodb: FaultyDynamoDB, start: Callable[..., Process]
) -> None:
    payment = shop.create()
    crashing = start("checkout", STRIPE_API_BASE=shop.account.url, **SECRETS, DDB_ENDPOINT=dynamodb.endpoint)
    dynamodb.fault = hold = Hold()

    with open_shop(crashing.url, shop.account).api as api, ThreadPoolExecutor(1) as caller:
        call = caller.submit(api.post, f"/payments/{payment['payment_intent_id']}/cancel")
        assert hold.arrived.wait(60)
        crashing.process.kill()
        assert isinstance(call.exception(60), httpx.TransportError)
    hold.released.set()
    dynamodb.fault = faults.healthy
    expired = shop.until(payment["payment_intent_id"], "expired")
    again = shop.cancel(payment["payment_intent_id"])

    assert shop.session(payment["stripe_session_id"])["status"] == "expired"
    assert (expired["status_reason"], again.json()["status_reason"]) == (None, "canceled")


def test_an_unavailable_table_changes_nothing(shop: Shop, dynamodb: FaultyDynamoDB) -> None:
    payment_id = shop.create()["payment_intent_id"]
    dynamodb.fault = faults.error_response(500, "InternalServerError")

    during = shop.cancel(payment_id)
    dynamodb.fault = faults.healthy

    assert code_of(during) == (503, "table_unavailable")
    assert shop.cancel(payment_id).status_code == 200


def test_a_superseded_payment_is_canceled_before_the_new_link(shop: Shop) -> None:
    old = [shop.create() for _ in range(2)]
    body = payment_body(supersedes=[one["payment_intent_id"] for one in old])

    answers = [shop.api.post("/payments", json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert {shop.session(one["stripe_session_id"])["status"] for one in old} == {"expired"}
    assert {shop.read(one["payment_intent_id"])["status_reason"] for one in old} == {"canceled"}


def test_a_paid_payment_is_not_superseded(shop: Shop) -> None:
    unpaid, paid = shop.create(), shop.create()
    shop.account.pay(paid["stripe_session_id"]).raise_for_status()
    shop.until(paid["payment_intent_id"], "completed")
    body = payment_body(supersedes=[unpaid["payment_intent_id"], paid["payment_intent_id"]])

    answer = shop.api.post("/payments", json=body)

    assert (code_of(answer), answer.json()["error"]["param"]) == ((409, "already_completed"), "supersedes")
    assert paid["payment_intent_id"] in answer.json()["error"]["message"]
    assert shop.api.get(f"/payments/{body['payment_intent_id']}").status_code == 404
    assert shop.read(unpaid["payment_intent_id"])["payable"]


@pytest.mark.parametrize("drop", ["request", "response"])
def test_after_an_outage_the_same_call_supersedes(shop: Shop, drop: str) -> None:
    old = shop.create()
    body = payment_body(supersedes=[old["payment_intent_id"]])
    shop.account.set_faults(api_error={"path": SESSIONS, "drop": drop})

    during = shop.api.post("/payments", json=body)
    between = shop.api.get(f"/payments/{body['payment_intent_id']}")
    shop.account.set_faults()
    after = shop.api.post("/payments", json=body)

    assert (code_of(during), during.json()["error"]["param"]) == ((502, "stripe_unreachable"), "supersedes")
    assert (between.status_code, after.status_code) == (404, 201)
    assert shop.read(old["payment_intent_id"])["status_reason"] == "canceled"


def test_a_refused_payment_supersedes_nothing(shop: Shop) -> None:
    old, body = shop.create(), payment_body()
    shop.create(**body)
    other = body | {"amount": 5000, "supersedes": [old["payment_intent_id"]]}

    assert code_of(shop.api.post("/payments", json=other)) == (409, "payment_conflict")
    assert shop.read(old["payment_intent_id"])["payable"]


def test_an_unknown_payment_is_not_superseded(shop: Shop) -> None:
    answer = shop.api.post("/payments", json=payment_body(supersedes=["payment_of_nobody"]))

    assert (code_of(answer), answer.json()["error"]["param"]) == ((404, "payment_not_found"), "supersedes")


INVALID = {
    "eleven": [f"payment_{number}" for number in range(11)],
    "twice": ["payment_a", "payment_a"],
    "empty id": [""],
    "no list": "payment_a",
    "itself": ["payment_self"],
}


@pytest.mark.parametrize("supersedes", INVALID.values(), ids=INVALID)
def test_invalid_supersedes_are_a_422(shop: Shop, supersedes: object) -> None:
    answer = shop.api.post("/payments", json=payment_body(payment_intent_id="payment_self", supersedes=supersedes))

    assert code_of(answer) == (422, "invalid_request")
    assert answer.json()["error"]["param"].startswith("supersedes")
