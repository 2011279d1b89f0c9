"""Checks that no event is lost or applied twice when DynamoDB fails or the webhook stops under load."""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store.connection import TRY_SECONDS
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from tests.support import dynamodb_faults as faults
from tests.support import plain_http, stripe_bodies, tables
from tests.support.dynamodb_faults import Fault
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery, DeliveryAnswer

IN_TIME = 10.0
"""How long Stripe waits for an answer."""


@pytest.fixture(scope="module")
def webhook(start: Callable[..., Process], proxy: FaultyDynamoDB) -> Iterator[httpx.Client]:
    """Yield a client of a webhook that waits for a table that recovers, for as long as possible."""
    env = {"DDB_ENDPOINT": proxy.endpoint, "DELIVERY_DEADLINE_SECONDS": "9"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    with plain_http.client(service.url) as client:
        yield client


@pytest.fixture(scope="module")
def impatient(start: Callable[..., Process], proxy: FaultyDynamoDB) -> Iterator[httpx.Client]:
    """Yield a client of a webhook that gives up early, for tables that do not recover."""
    env = {"DDB_ENDPOINT": proxy.endpoint, "DELIVERY_DEADLINE_SECONDS": "1"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    with plain_http.client(service.url) as client:
        yield client


def _paid(payment_id: str) -> Delivery:
    return Delivery.of(stripe_bodies.completed(payment_id))


def _unavailable(answer: DeliveryAnswer) -> bool:
    return answer[:2] == (503, "unavailable") and answer.seconds < IN_TIME


def test_events_succeed_after_an_outage_of_dynamodb(
    start: Callable[..., Process], free_port: Callable[[], int], dynamodb_folder: Path, tmp_path: Path
) -> None:
    with DynamoDBLocal(free_port(), tmp_path / "data", dynamodb_folder) as local:
        settings = TableSettings.model_validate({"DDB_ENDPOINT": local.endpoint})
        tables.create(tables.client(settings), settings)
        records = Records(settings)
        webhook = start(
            "webhook",
            STRIPE_WEBHOOK_SECRET=SECRET,
            DDB_ENDPOINT=local.endpoint,
            DYNAMODB_PAYMENTS_TABLE=settings.table,
            DELIVERY_DEADLINE_SECONDS="2",
        )
        payment_id = records.put()
        before = records.get(payment_id)
        deliveries = [_paid(payment_id), Delivery.of(stripe_bodies.refunded(payment_id, 100))]
        local.stop()

        with plain_http.client(webhook.url) as client:
            with ThreadPoolExecutor(4) as senders:
                assert all(map(_unavailable, senders.map(lambda delivery: delivery.to(client), deliveries * 2)))
            assert client.get("/livez").status_code == 200
            local.start()
            assert records.get(payment_id) == before
            assert [delivery.to(client).outcome for delivery in deliveries] == ["applied", "applied"]

        assert records.history(payment_id) == [delivery.event_id for delivery in deliveries]
        records.close()


def test_refused_connections_are_a_503_in_time(
    webhook: httpx.Client, impatient: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    deliveries = [_paid(records.put()) for _ in range(12)]
    dynamodb.stop()

    with ThreadPoolExecutor(12) as senders:
        answers = list(senders.map(lambda delivery: delivery.to(impatient), deliveries))
    liveness = impatient.get("/livez").status_code
    dynamodb.start()

    assert all(map(_unavailable, answers))
    assert liveness == 200
    assert [delivery.to(webhook).outcome for delivery in deliveries] == ["applied"] * 12


async def test_an_incomplete_answer_is_not_a_missing_record(
    dynamodb: FaultyDynamoDB, records: Records, table_settings: TableSettings
) -> None:
    payment_id = records.put()
    dynamodb.fault = faults.truncated_response

    async with PaymentStore(table_settings.model_copy(update={"ddb_endpoint": dynamodb.endpoint})) as store:
        with pytest.raises(UnavailableError):
            await store.get(payment_id)
        dynamodb.fault = faults.healthy
        assert await store.get(payment_id) == records.get(payment_id)


def test_a_slow_dynamodb_is_a_503_in_time(
    webhook: httpx.Client, impatient: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    payments = [records.put() for _ in range(12)]
    deliveries = [_paid(payment_id) for payment_id in payments]
    dynamodb.fault = faults.late_response(5)

    with ThreadPoolExecutor(12) as senders:
        answers = senders.map(lambda delivery: delivery.to(impatient), deliveries)
        liveness = [impatient.get("/livez").status_code for _ in range(5)]
        assert all(map(_unavailable, answers))
    dynamodb.fault = faults.healthy
    again = [delivery.to(webhook) for delivery in deliveries]

    assert liveness == [200] * 5
    assert {answer.status for answer in again} == {200}
    assert {answer.outcome for answer in again} <= {"applied", "duplicate"}
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]


def test_a_late_write_of_a_repeated_event_is_not_applied(
    webhook: httpx.Client, impatient: httpx.Client, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    payment_id = records.put()
    delivery = _paid(payment_id)
    dynamodb.fault = gate = faults.WriteGate()

    assert _unavailable(delivery.to(impatient))
    assert records.history(payment_id) == []
    dynamodb.fault = faults.healthy
    assert delivery.to(webhook).outcome == "applied"
    after = records.get(payment_id)
    gate.open()
    until(lambda: gate.executions == gate.arrivals > 0)

    assert records.get(payment_id) == after
    assert records.history(payment_id) == [delivery.event_id]


_HTML = b"<html><body>Bad gateway</body></html>"
FAULTS: dict[str, Fault] = {
    "closes the connection": faults.closed_connection,
    "closes the connection in an answer": faults.truncated_response,
    "throttles": faults.error_response(400, "ThrottlingException"),
    "has no capacity": faults.error_response(400, "ProvisionedThroughputExceededException"),
    "limits requests": faults.error_response(400, "RequestLimitExceeded"),
    "has an internal error": faults.error_response(500, "InternalServerError"),
    "is not available": faults.error_response(503, "ServiceUnavailable"),
    "rejects an expired token": faults.error_response(400, "ExpiredTokenException"),
    "a gateway answers 502 in HTML": faults.fixed_response(502, _HTML),
    "a gateway answers 200 in HTML": faults.fixed_response(200, _HTML),
    "answers with an empty object": faults.fixed_response(200, b"{}"),
    "answers with too few results": faults.fixed_response(200, b'{"Responses": []}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_failed_call_loses_nothing_and_repeats_nothing(
    webhook: httpx.Client, impatient: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, fault: Fault
) -> None:
    payments = [records.put() for _ in range(6)]
    deliveries = [_paid(payment_id) for payment_id in payments]
    dynamodb.fault = fault

    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(lambda delivery: delivery.to(impatient), deliveries))
    dynamodb.fault = faults.healthy
    again = [delivery.to(webhook) for delivery in deliveries]

    assert [answer for answer in answers if not _unavailable(answer)] == []
    assert {answer.status for answer in again} == {200}
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]


@pytest.mark.parametrize("name", ["closes the connection", "closes the connection in an answer"])
def test_one_lost_answer_is_recovered_within_the_deadline(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, name: str
) -> None:
    payment_id = records.put()
    delivery = _paid(payment_id)
    dynamodb.fault = faults.first_batch_only(FAULTS[name])

    assert delivery.to(webhook)[:2] == (200, "applied")
    assert records.history(payment_id) == [delivery.event_id]


@pytest.mark.parametrize(
    "name",
    [
        "closes the connection in an answer",
        "has no capacity",
        "a gateway answers 200 in HTML",
        "answers with an empty object",
    ],
)
def test_an_index_that_fails_does_not_mean_unmatched(
    webhook: httpx.Client, impatient: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, name: str
) -> None:
    intent = f"pi_{name.replace(' ', '_')}"
    payment_id = records.put(stripe_payment_intent=intent)
    dispute = Delivery.of(stripe_bodies.dispute("created", "needs_response", intent))
    dynamodb.fault = FAULTS[name]

    assert _unavailable(dispute.to(impatient))
    dynamodb.fault = faults.healthy
    assert dispute.to(webhook).outcome == "applied"
    assert records.history(payment_id) == [dispute.event_id]


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingError",
        "InternalServerError",
        "TransactionConflict",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
    ],
)
def test_a_rejected_statement_is_sent_again_alone(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, code: str
) -> None:
    slowest = TRY_SECONDS
    while slowest > TRY_SECONDS / 2:  # a whole batch is sent again if a try takes too long, as on a busy machine
        payments = [records.put() for _ in range(12)]
        deliveries = [_paid(payment_id) for payment_id in payments]
        rejections = faults.StatementErrors(code, dict.fromkeys(payments[::2], 2))
        dynamodb.fault = _after_a_pause(rejections)
        before = len(dynamodb.seconds)

        with ThreadPoolExecutor(12) as senders:
            answers = list(senders.map(lambda delivery: delivery.to(webhook), deliveries))
        slowest = max(dynamodb.seconds[before:])

    assert {answer[:2] for answer in answers} == {(200, "applied")}
    assert rejections.mixed_batches > 0
    assert [_times_sent(dynamodb, payment_id) for payment_id in payments] == [3, 1] * 6
    assert [records.history(payment_id) for payment_id in payments] == [[one.event_id] for one in deliveries]


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingError", 503), ("ResourceNotFound", 503), ("AccessDenied", 500), ("ValidationError", 500)],
)
def test_a_failing_statement_does_not_affect_its_batch(
    webhook: httpx.Client, dynamodb: FaultyDynamoDB, records: Records, code: str, status: int
) -> None:
    """The statement that is rejected for ever is refused at the deadline of 9 s, the others are written before."""
    payments = [records.put() for _ in range(12)]
    deliveries = [_paid(payment_id) for payment_id in payments]
    rejections = faults.StatementErrors(code, dict.fromkeys(payments[::4], 1000))
    dynamodb.fault = _after_a_pause(rejections)

    with ThreadPoolExecutor(12) as senders:
        answers = list(senders.map(lambda delivery: delivery.to(webhook), deliveries))
    dynamodb.fault = faults.healthy

    assert rejections.mixed_batches > 0
    assert [answer.status for answer in answers] == [status, 200, 200, 200] * 3
    assert [delivery.to(webhook).outcome for delivery in deliveries[:2]] == ["applied", "duplicate"]


def _after_a_pause(fault: Fault) -> Fault:
    """Returns the fault with calls that take longer."""
    return lambda call, forward: fault(call, _slowly(forward))


def _slowly(forward: faults.Forward) -> faults.Forward:
    """Delays each call, so that writes queue behind the one in progress."""

    def slow(call: faults.Call) -> faults.CallResponse:
        time.sleep(0.12)
        return forward(call)

    return slow


def _times_sent(dynamodb: FaultyDynamoDB, payment_id: str) -> int:
    batches = [call for call in dynamodb.calls if call.operation == "BatchExecuteStatement"]
    return sum(faults.payment_of(statement) == payment_id for call in batches for statement in call.statements)


def test_readiness_changes_after_three_failures(webhook: httpx.Client, dynamodb: FaultyDynamoDB) -> None:
    dynamodb.fault = faults.error_response(500, "InternalServerError")

    until(lambda: webhook.get("/readyz").status_code == 503)
    assert [call.operation for call in dynamodb.calls] == ["BatchExecuteStatement"] * 3
    assert [webhook.get(path).status_code for path in ("/livez", "/health")] == [200, 200]
    dynamodb.fault = faults.healthy
    until(lambda: webhook.get("/readyz").status_code == 200)
    assert len(dynamodb.calls) == 4


def test_a_missing_table_is_a_503_and_never_ready(start: Callable[..., Process]) -> None:
    service = start("webhook", ready_at="/livez", STRIPE_WEBHOOK_SECRET=SECRET, DYNAMODB_PAYMENTS_TABLE="not-there")

    with plain_http.client(service.url) as webhook:
        assert _unavailable(_paid("payment_1").to(webhook))
        assert webhook.get("/readyz").status_code == 503

    assert "lea-payments init-table" in service.output()


def test_open_requests_are_answered_after_sigterm(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB, records: Records
) -> None:
    env = {"DDB_ENDPOINT": dynamodb.endpoint, "DELIVERY_DEADLINE_SECONDS": "9"}
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    deliveries = [_paid(records.put()) for _ in range(3)]
    dynamodb.fault = gate = faults.WriteGate()

    with (
        plain_http.client(service.url) as webhook,
        ThreadPoolExecutor(3) as senders,
    ):
        answers = []
        for number, delivery in enumerate(deliveries, start=1):
            answers.append(senders.submit(delivery.to, webhook))
            until(lambda number=number: gate.arrivals >= number)  # type: ignore[misc]
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not _accepts(service))
        time.sleep(0.5)  # otherwise they could end before the shutdown does
        gate.open()

        # The gate opens after more than one try of the first delivery.
        assert {answer.result()[:2] for answer in answers} == {(200, "applied")}
    assert service.process.wait(60) == 0


def _accepts(service: Process) -> bool:
    try:
        plain_http.get(f"{service.url}/livez", timeout=1)
    except httpx.TransportError:
        return False
    return True


def test_every_200_before_the_end_is_in_the_table(
    start: Callable[..., Process], dynamodb: FaultyDynamoDB, records: Records
) -> None:
    service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, DDB_ENDPOINT=dynamodb.endpoint)
    payments = [records.put() for _ in range(200)]
    remaining = iter([(payment_id, _paid(payment_id)) for payment_id in payments])
    answers: list[tuple[str, Delivery, DeliveryAnswer]] = []
    lock = threading.Lock()

    def send_until_closed() -> None:
        with plain_http.client(service.url) as webhook:
            for _ in itertools.count():
                with lock:
                    payment_id, delivery = next(remaining)
                try:
                    answers.append((payment_id, delivery, delivery.to(webhook)))
                except httpx.TransportError:
                    return

    with ThreadPoolExecutor(8) as senders:
        running = [senders.submit(send_until_closed) for _ in range(8)]
        until(lambda: len(answers) >= 30)
        service.process.send_signal(signal.SIGTERM)
        status = service.process.wait(60)
    for one in running:
        one.result()

    assert status == 0
    assert {answer[:2] for _, _, answer in answers} == {(200, "applied")}
    assert all(records.history(payment_id) == [delivery.event_id] for payment_id, delivery, _ in answers)
