"""Reaches every documented error code of the checkout API by a call to a running service."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import httpx
import pytest

from lea_payments.checkout.errors import ALWAYS, ERRORS
from lea_payments.payment.record import Payment
from tests.docs.reference import FOLDER
from tests.support import dynamodb_faults as faults
from tests.support.checkout_api import SECRETS, WEBHOOK_SECRET, checkout_client, payment_body
from tests.support.emulator import EmulatorClient
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB

SESSIONS = "/v1/checkout/sessions"
JSON = {"Content-Type": "application/json"}


class System(NamedTuple):
    """A checkout API with its emulator, whose events arrive at a webhook, and the way to its table."""

    api: httpx.Client
    account: EmulatorClient
    dynamodb: FaultyDynamoDB

    def create(self, **fields: object) -> httpx.Response:
        """Creates a payment."""
        return self.api.post("/payments", json=payment_body(**fields))

    def create_while(self, **fault: object) -> httpx.Response:
        """Creates a payment while Stripe's answers to sessions are these."""
        fault_of_sessions = {"api_error": {"path": SESSIONS, **fault}}
        self.account.http.put("/_faults", json=fault_of_sessions).raise_for_status()
        return self.create()

    def create_again(self, body: Mapping[str, object], **pay: object) -> httpx.Response:
        """Pays a new payment, and creates it again."""
        session = self.api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
        self.account.http.post(f"/_pay/{session}", json=pay).raise_for_status()
        return self.api.post("/payments", json=body)

    def get_while(self, fault: faults.Fault) -> httpx.Response:
        """Reads a payment while the table answers this."""
        self.dynamodb.fault = fault
        return self.api.get("/payments/payment_1")


@pytest.fixture(scope="module")
def started(
    start_service: Callable[..., str], free_port: Callable[[], int], proxy: FaultyDynamoDB
) -> Iterator[tuple[httpx.Client, EmulatorClient]]:
    port = str(free_port())
    hook = f"http://127.0.0.1:{port}/webhook/stripe"
    emulator = start_service("stripe-emulator", EMULATOR_WEBHOOK_SECRET=WEBHOOK_SECRET, EMULATOR_WEBHOOK_URL=hook)
    start_service("webhook", PORT=port, STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    checkout = start_service("checkout", STRIPE_API_BASE=emulator, DDB_ENDPOINT=proxy.endpoint, **SECRETS)
    with EmulatorClient(emulator) as account, checkout_client(checkout) as api:
        yield api, account


@pytest.fixture
def system(started: tuple[httpx.Client, EmulatorClient], dynamodb: FaultyDynamoDB) -> Iterator[System]:
    api, account = started
    yield System(api, account, dynamodb)
    account.http.delete("/_faults").raise_for_status()


def _conflict(system: System) -> httpx.Response:
    body = payment_body()
    system.api.post("/payments", json=body)
    return system.api.post("/payments", json=body | {"amount": 12001})


def _unconfirmed(system: System) -> httpx.Response:
    system.account.http.put("/_faults", json={"delay_seconds": 3600}).raise_for_status()
    return system.create_again(payment_body(), wait=False)


def _in_review(system: System) -> httpx.Response:
    """A session with another amount has paid."""
    body = payment_body()
    system.api.post("/payments", json=body)
    payment = Payment(payment_intent_id=body["payment_intent_id"], amount=9900, currency="sgd")
    system.account.http.post(f"/_pay/{system.account.session(payment)}", json={}).raise_for_status()
    return system.api.post("/payments", json=body)


def _canceled(system: System) -> httpx.Response:
    body = payment_body()
    system.api.post("/payments", json=body)
    system.api.post(f"/payments/{body['payment_intent_id']}/cancel").raise_for_status()
    return system.api.post("/payments", json=body)


WAYS: Mapping[str, Callable[[System], httpx.Response]] = {
    "invalid_json": lambda system: system.api.post("/payments", content=b"{", headers=JSON),
    "invalid_cursor": lambda system: system.api.get("/payments?user_id=user_1&cursor=of-another-list"),
    "unauthorized": lambda system: system.api.get("/payments/payment_1", headers={"Authorization": "Bearer wrong"}),
    "payment_not_found": lambda system: system.api.get("/payments/payment_1"),
    "not_found": lambda system: system.api.get("/nothing"),
    "method_not_allowed": lambda system: system.api.delete("/payments"),
    "payment_conflict": _conflict,
    "payment_canceled": _canceled,
    "already_completed": lambda system: system.create_again(payment_body()),
    "awaiting_confirmation": _unconfirmed,
    "awaiting_funds": lambda system: system.create_again(
        payment_body(), method="delayed", outcome="succeeded", after_seconds=3600
    ),
    "in_review": _in_review,
    "too_large": lambda system: system.create(product_name="x" * 16384),
    "unsupported_media_type": lambda system: system.api.post("/payments", content=b"{}"),
    "invalid_request": lambda system: system.create(user_id=None),
    "unknown_currency": lambda system: system.create(currency="xxx"),
    "amount_too_small": lambda system: system.create(amount=49),
    "amount_too_large": lambda system: system.create(amount=10**12),
    "amount_precision": lambda system: system.create(amount=1234, currency="kwd"),
    "internal_error": lambda system: system.get_while(faults.fixed_response(200, b'{"Item": {"user_id": 5}}')),
    "stripe_unreachable": lambda system: system.create_while(drop="request"),
    "stripe_error": lambda system: system.create_while(status=500),
    "stripe_refused": lambda system: system.create_while(status=401),
    "stripe_busy": lambda system: system.create_while(status=429),
    "try_again": lambda system: system.create_while(status=409),
    "table_unavailable": lambda system: system.get_while(faults.error_response(500, "InternalServerError")),
}
"""For each code a call that is answered with it."""

NOT_REACHED = {
    "too_many_waiting": "as many calls may wait as there may be connections, and each waiting call holds one"
}
"""Codes that no call of a running service is answered with, and why. Unit tests have them."""


@pytest.mark.parametrize("code", WAYS)
def test_a_call_is_answered_with_each_code(system: System, code: str) -> None:
    answer = WAYS[code](system)

    assert (answer.status_code, answer.json()["error"]["code"]) == (ERRORS[code].status, code)
    assert answer.json()["error"]["message"]
    assert ("Retry-After" in answer.headers) >= (ERRORS[code].retry_after == ALWAYS)


def test_calls_after_an_internal_error_are_answered(system: System) -> None:
    for _ in range(examples(10, 50)):
        assert WAYS["internal_error"](system).status_code == 500
        system.dynamodb.fault = faults.healthy
        assert system.api.get("/payments/payment_1").status_code == 404


def test_every_documented_code_has_a_call() -> None:
    of_the_api = (FOLDER / "api-errors.md").read_text().partition("## Codes of the agent's tools")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", of_the_api, re.MULTILINE))

    assert documented == ERRORS.keys() == WAYS.keys() | NOT_REACHED.keys()
