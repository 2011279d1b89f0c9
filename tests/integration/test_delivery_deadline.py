"""Checks that a delivery is repeated until its deadline while DynamoDB has a blip, and refused after that."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.webhook.app import RETRY_AFTER_SECONDS
from tests.support import dynamodb_faults as faults
from tests.support import plain_http, stripe_bodies, tables
from tests.support.dynamodb_faults import Fault
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.frozen_dynamodb import frozen
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.steady_events import STRIPE_SECONDS, SteadyAnswer, send_steadily
from tests.support.stripe_bodies import SECRET
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery

PER_SECOND = examples(10, 50)


@pytest.fixture(scope="module")
def webhook(start: Callable[..., Process], proxy: FaultyDynamoDB) -> Iterator[httpx.Client]:
    """Yield a client of a webhook with the longest deadline, because the machine of the tests can be slow."""
    env = {"DDB_ENDPOINT": proxy.endpoint, "DELIVERY_DEADLINE_SECONDS": "9"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    with plain_http.client(service.url) as client:
        yield client


def _paid(payment_id: str) -> Delivery:
    return Delivery.of(stripe_bodies.completed(payment_id))


_HTML = b"<html><body>Bad gateway</body></html>"
EXECUTED: dict[str, Fault] = {
    "internal error": faults.lost_error(500, "InternalServerError"),
    "unavailable": faults.lost_error(503, "ServiceUnavailable"),
    "throttled": faults.lost_error(400, "ThrottlingException"),
    "internal error of a statement": faults.lost_statement_errors("InternalServerError"),
    "throttled statement": faults.lost_statement_errors("ThrottlingError"),
    "connection closed in the answer": faults.truncated_response,
    "no answer in time": faults.late_response(3),
}
"""Faults of batches that are executed nevertheless."""


@pytest.mark.parametrize("fault", EXECUTED.values(), ids=EXECUTED.keys())
def test_a_write_whose_answer_was_an_error_is_applied(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, fault: Fault
) -> None:
    payments = [records.put() for _ in range(6)]
    deliveries = [_paid(payment_id) for payment_id in payments]
    dynamodb.fault = faults.first_batch_only(fault)

    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(lambda delivery: delivery.to(webhook), deliveries))

    assert {answer[:2] for answer in answers} == {(200, "applied")}
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]


def test_a_payment_method_whose_answer_was_an_error_is_applied(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    """It has no entry in the history by which the next try could find it."""
    charge = Delivery.of(stripe_bodies.charged(records.put()))
    dynamodb.fault = faults.first_batch_only(EXECUTED["internal error"])

    outcomes = [charge.to(webhook).outcome for _ in range(2)]

    assert outcomes == ["applied", "stale"]


REJECTED: dict[str, Fault] = {
    "ThrottlingException": faults.error_response(400, "ThrottlingException"),
    "ProvisionedThroughputExceeded": faults.error_response(400, "ProvisionedThroughputExceededException"),
    "RequestLimitExceeded": faults.error_response(400, "RequestLimitExceeded"),
    "InternalServerError": faults.error_response(500, "InternalServerError"),
    "ServiceUnavailable": faults.error_response(503, "ServiceUnavailable"),
    "a gateway's HTML": faults.fixed_response(502, _HTML),
}


@pytest.mark.parametrize("fault", REJECTED.values(), ids=REJECTED.keys())
def test_a_call_that_is_rejected_as_a_whole_is_repeated(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, fault: Fault
) -> None:
    payment_id = records.put()
    delivery = _paid(payment_id)
    dynamodb.fault = faults.first_calls(*[fault] * 4)

    assert delivery.to(webhook)[:2] == (200, "applied")
    assert records.history(payment_id) == [delivery.event_id]
    assert [call.operation for call in dynamodb.calls] == ["BatchExecuteStatement"] * 5


def test_each_pair_of_faults_applies_an_event_once(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    """A write whose response was lost can meet any other fault before its result is known."""
    quick = {name: fault for name, fault in (EXECUTED | REJECTED).items() if name != "no answer in time"}
    pairs = [*itertools.product(quick.values(), repeat=2)]
    for first, second in random.Random(0).sample(pairs, examples(15, len(pairs))):
        payment_id = records.put()
        delivery = _paid(payment_id)
        dynamodb.fault = faults.first_calls(first, second)

        assert delivery.to(webhook)[:2] == (200, "applied")
        assert records.history(payment_id) == [delivery.event_id]


@pytest.mark.parametrize(
    "fault",
    [faults.late_response(4), faults.error_response(500, "InternalServerError"), faults.fixed_response(502, _HTML)],
    ids=["no answer", "500", "a gateway's 502"],
)
def test_a_try_after_a_failed_one_has_a_new_connection(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, fault: Fault
) -> None:
    assert _paid(records.put()).to(webhook).status == 200
    [warm] = {call.port for call in dynamodb.calls}
    dynamodb.calls.clear()
    dynamodb.fault = faults.first_calls(fault, fault)

    assert _paid(records.put()).to(webhook)[:2] == (200, "applied")
    ports = [call.port for call in dynamodb.calls]
    assert ports[0] == warm
    assert len({*ports}) == len(ports) == 3


def test_a_lookup_in_an_index_is_repeated_as_well(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    payment_id = records.put(stripe_payment_intent="pi_looked_up")
    dispute = Delivery.of(stripe_bodies.dispute("created", "needs_response", "pi_looked_up"))
    dynamodb.fault = faults.first_calls(
        faults.late_response(3), REJECTED["ProvisionedThroughputExceeded"], faults.closed_connection
    )

    assert dispute.to(webhook)[:2] == (200, "applied")
    assert records.history(payment_id) == [dispute.event_id]


def test_a_refused_event_is_asked_to_come_later(start: Callable[..., Process], dynamodb: FaultyDynamoDB) -> None:
    env = {"DDB_ENDPOINT": dynamodb.endpoint, "DELIVERY_DEADLINE_SECONDS": "1"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    dynamodb.fault = REJECTED["ThrottlingException"]
    delivery = _paid("payment_refused")

    answer = plain_http.request(
        "POST",
        f"{service.url}/webhook/stripe",
        content=delivery.body,
        headers={"Stripe-Signature": delivery.signature},
    )

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(RETRY_AFTER_SECONDS))
    assert "ThrottlingException" in service.output()


def test_the_first_event_after_ready_finds_a_connection(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB, records: Records
) -> None:
    payment_id = records.put()
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, DDB_ENDPOINT=dynamodb.endpoint)
    warm = {call.port for call in dynamodb.calls}

    with plain_http.client(service.url) as client:
        assert _paid(payment_id).to(client)[:2] == (200, "applied")

    assert {call.operation for call in dynamodb.calls} == {"BatchExecuteStatement"}
    assert {call.port for call in dynamodb.calls} == warm


@pytest.mark.parametrize(
    ("service", "operations"),
    [
        ("webhook", {"BatchExecuteStatement"}),
        ("checkout", {"PutItem"}),
        ("pages", {"Query", "GetItem"}),
    ],
)
def test_a_service_is_ready_if_its_next_call_can_succeed(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB, service: str, operations: set[str]
) -> None:
    secrets = {"STRIPE_SECRET_KEY": "sk_test_Zaunkoenig1Zaunkoenig2", "PAYMENTS_API_TOKEN": "Zaunkoenig-Zaunkoenig"}
    start(service, DDB_ENDPOINT=dynamodb.endpoint, STRIPE_WEBHOOK_SECRET=SECRET, **secrets)

    assert {call.operation for call in dynamodb.calls} == operations


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("webhook", faults.lost_statement_errors("AccessDenied")),
        ("webhook", faults.error_response(400, "AccessDeniedException")),
        ("checkout", faults.error_response(400, "AccessDeniedException")),
        ("pages", faults.error_response(400, "AccessDeniedException")),
    ],
    ids=["webhook, by statement", "webhook, as a whole", "checkout", "pages"],
)
def test_without_permission_a_service_is_not_ready(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB, service: str, fault: Fault
) -> None:
    secrets = {"STRIPE_SECRET_KEY": "sk_test_Zaunkoenig1Zaunkoenig2", "PAYMENTS_API_TOKEN": "Zaunkoenig-Zaunkoenig"}
    dynamodb.fault = fault
    process = start(service, ready_at="/livez", DDB_ENDPOINT=dynamodb.endpoint, STRIPE_WEBHOOK_SECRET=SECRET, **secrets)

    with plain_http.client(process.url) as client:
        assert client.get("/readyz").status_code == 503
        [line] = [one for one in process.output().splitlines() if "table_ping_failed" in one]
        assert "AccessDenied" in line
        dynamodb.fault = faults.healthy
        until(lambda: client.get("/readyz").status_code == 200)


async def test_events_beyond_the_limit_are_refused_at_once(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB
) -> None:
    """The longest deadline: even a slow machine sends one event more than the limit within it."""
    env = {"DDB_ENDPOINT": dynamodb.endpoint, "DELIVERY_DEADLINE_SECONDS": "9"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    dynamodb.fault = REJECTED["ThrottlingException"]
    deliveries = [_paid(f"payment_waits_{number}") for number in range(connection.WAITING_LIMIT + 20)]

    async with httpx.AsyncClient(
        base_url=service.url, timeout=60, limits=httpx.Limits(), verify=NO_CERTIFICATES
    ) as client:
        sent = [asyncio.create_task(_post(client, delivery)) for delivery in deliveries]
        [first, *_], _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        for one in sent:
            one.cancel()
        await asyncio.wait(sent)

    assert (first.result().status_code, first.result().headers["Retry-After"]) == (503, str(RETRY_AFTER_SECONDS))
    assert "800 other events wait for DynamoDB" in service.output()


async def _post(client: httpx.AsyncClient, delivery: Delivery) -> httpx.Response:
    headers = {"Stripe-Signature": delivery.signature}
    return await client.post("/webhook/stripe", content=delivery.body, headers=headers)


@pytest.fixture(scope="module")
def local(free_port: Callable[[], int], dynamodb_folder: Path) -> Iterator[DynamoDBLocal]:
    """Yield a DynamoDB Local that the tests can freeze."""
    with DynamoDBLocal(free_port(), None, dynamodb_folder) as local:
        yield local


@pytest.fixture(scope="module")
def freezing(local: DynamoDBLocal) -> TableSettings:
    """Return the settings of its table."""
    settings = TableSettings.model_validate({"DDB_ENDPOINT": local.endpoint})
    client = tables.client(settings)
    tables.create(client, settings)
    client.close()
    return settings


async def _send_while_frozen(
    url: str, local: DynamoDBLocal, deliveries: list[Delivery], freeze: Callable[[], object]
) -> list[SteadyAnswer]:
    """Sends the events, and freezes DynamoDB in a thread until `freeze` returns."""

    def freeze_until_it_returns() -> None:
        with frozen(local):
            freeze()

    sending = asyncio.create_task(send_steadily(url, deliveries, PER_SECOND))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(freeze_until_it_returns)
    return await sending


BLIPS = [
    pytest.param(4, {"DELIVERY_DEADLINE_SECONDS": "9"}, id="4 s, longest deadline"),
    pytest.param(1, {}, id="1 s"),
    pytest.param(2, {}, id="2 s"),
    pytest.param(0.5, {}, id="0.5 s"),
]


@pytest.mark.parametrize(
    ("seconds", "deadline"),
    BLIPS[:: examples(2, 1)],
)
async def test_a_blip_of_dynamodb_refuses_no_event(
    start: Callable[..., Process],
    local: DynamoDBLocal,
    freezing: TableSettings,
    seconds: float,
    deadline: Mapping[str, str],
) -> None:
    """The deadline is the default of 6 s, which leaves at least 4 s for the writes after a freeze of up to 2 s.

    After 4 s only 2 s would be left, which a busy machine can need for itself: there the deadline is the longest one.
    `make attack` freezes DynamoDB for 4 s with the default.
    """
    env = {"DDB_ENDPOINT": local.endpoint, "DYNAMODB_PAYMENTS_TABLE": freezing.table, **deadline}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    records = Records(freezing)
    payments = [records.put() for _ in range(int(PER_SECOND * (seconds + 1)))]
    deliveries = [_paid(payment_id) for payment_id in payments]

    answers = await _send_while_frozen(service.url, local, deliveries, lambda: time.sleep(seconds))

    assert {(answer.status, answer.outcome) for answer in answers} == {(200, "applied")}
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]
    records.close()


async def test_a_long_outage_loses_no_event(
    start: Callable[..., Process], local: DynamoDBLocal, freezing: TableSettings
) -> None:
    """The deadline is 1 s instead of the default of 6 s, so that a short freeze is a long outage."""
    env = {"DDB_ENDPOINT": local.endpoint, "DYNAMODB_PAYMENTS_TABLE": freezing.table, "DELIVERY_DEADLINE_SECONDS": "1"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    records = Records(freezing)
    payments = [records.put() for _ in range(PER_SECOND * 4)]
    deliveries = [_paid(payment_id) for payment_id in payments]

    def until_half_are_refused() -> None:
        until(lambda: service.log.read_text().count('"unavailable"') > len(deliveries) // 2)

    answers = await _send_while_frozen(service.url, local, deliveries, until_half_are_refused)
    refused = [answer.delivery for answer in answers if answer.status == 503]
    again = await send_steadily(service.url, refused, PER_SECOND)

    assert len(refused) > len(deliveries) // 2
    assert {answer.status for answer in answers} == {200, 503}
    assert max(answer.seconds for answer in answers) < STRIPE_SECONDS
    assert {answer.status for answer in again} == {200}
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]
    records.close()
