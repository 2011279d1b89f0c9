"""Sends bursts of events over many connections while DynamoDB fails: what the straight line of a delivery must keep."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from lea_payments.store.group_commit import IN_FLIGHT_LIMIT
from tests.support import dynamodb_faults as faults
from tests.support import stripe_bodies
from tests.support.dynamodb_faults import Call, CallResponse, Fault, Forward
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.senders import head
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

CONNECTIONS = 64
EVENTS = examples(128, 2_000, "BURST_EVENTS")
FAULTS: Sequence[Fault] = (
    faults.closed_connection,
    faults.truncated_response,
    faults.slow(0.1),
    faults.late_response(0.1),
    faults.error_response(500, "InternalServerError"),
    faults.lost_error(500, "InternalServerError"),
    faults.error_response(400, "ThrottlingException"),
    faults.lost_statement_errors("InternalServerError"),
    faults.late_response(1.2),
)
EVERY = 6
"""One call in six has a fault."""

ODD = ['{"Error":null}', '{"Error":"text"}', '{"Error":[]}', '{"Error":{"Code":{}}}', '{"Error":{"Code":null}}']
"""Responses to one statement that DynamoDB never sends; a proxy could."""


class Answered(NamedTuple):
    """One answer to an event."""

    event_id: str
    status: int
    outcome: str


def _some_fail() -> Fault:
    numbers = itertools.count(1)
    failing = itertools.cycle(FAULTS)

    def fault(call: Call, forward: Forward) -> CallResponse:
        is_failing = call.operation == "BatchExecuteStatement" and next(numbers) % EVERY == 0
        return (next(failing) if is_failing else faults.healthy)(call, forward)

    return fault


def _deliveries(payment_id: str) -> list[Delivery]:
    """Two events of one payment, both of which change it, and now and then a copy."""
    metadata: dict[str, Any] = {"metadata": {"payment_intent_id": payment_id}}
    refund = stripe_bodies.refund("refund.created", 300, "succeeded", id=f"re_{payment_id}", **metadata)
    return [Delivery.of(stripe_bodies.completed(payment_id)), Delivery.of(refund)]


async def _send(url: str, deliveries: Sequence[Delivery]) -> list[Answered]:
    """Sends deliveries over one connection, each until it is accepted, and checks that nothing else arrives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    answers = []
    for delivery in deliveries:
        status = 0
        while status != 200:
            writer.write(head(len(delivery.body), f"Stripe-Signature: {delivery.signature}") + delivery.body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            status = int(lines[0].split()[1])
            [length] = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
            answers.append(Answered(delivery.event_id, status, json.loads(await reader.readexactly(length))["outcome"]))
            assert status in (200, 503)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\n\r\n")
    rest = await reader.read()
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.count(b"HTTP/1.1 ") == 1
    writer.close()
    return answers


def _outcomes(url: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for sample in Scrape.of(url).samples:
        if sample.name == "payments_webhook_events_total":
            counts[sample.labels["outcome"]] += int(sample.value)
    return counts


async def test_a_burst_over_a_failing_table_loses_nothing(
    start: Callable[..., Process], free_port: Callable[[], int], dynamodb: FaultyDynamoDB, records: Records
) -> None:
    port = free_port()
    env = {"DDB_ENDPOINT": dynamodb.endpoint, "DELIVERY_DEADLINE_SECONDS": "9", "METRICS_PORT": str(port)}
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **env)
    payments = {payment_id: _deliveries(payment_id) for payment_id in [records.put() for _ in range(EVENTS // 2)]}
    sent = [delivery for pair in payments.values() for delivery in pair]
    sent += sent[::5]
    random.Random(17).shuffle(sent)
    dynamodb.fault = _some_fail()

    parts = [sent[number::CONNECTIONS] for number in range(CONNECTIONS)]
    answers = [
        answer for each in await asyncio.gather(*(_send(webhook.url, part) for part in parts)) for answer in each
    ]
    dynamodb.fault = faults.healthy

    outcomes = Counter(answer.outcome for answer in answers)
    assert Counter(answer.event_id for answer in answers if answer.status == 200) == Counter(
        delivery.event_id for delivery in sent
    )
    for payment_id, pair in payments.items():
        payment = records.get(payment_id)
        assert sorted(entry.event_id for entry in payment.history) == sorted(delivery.event_id for delivery in pair)
        assert (payment.version, payment.payment_status, payment.amount_refunded) == (2, "completed", 300)
    assert set(outcomes) <= {"applied", "duplicate", "unavailable"}
    assert outcomes["applied"] + outcomes["unavailable"] >= len(payments) * 2
    assert _outcomes(f"http://127.0.0.1:{port}/metrics") == outcomes
    completed = Scrape.of(f"http://127.0.0.1:{port}/metrics").value(
        "payments_outcomes_total", outcome="completed", currency="sgd"
    )
    # A copy decided in the same millisecond takes the lost write of the other one for its own, and counts it too.
    copies = len(sent) - 2 * len(payments)
    assert len(payments) - outcomes["unavailable"] <= (completed or 0) <= len(payments) + copies


@pytest.mark.parametrize("odd", ODD)
def test_odd_responses_of_a_batch_do_not_occupy_it(
    start_service: Callable[..., str], dynamodb: FaultyDynamoDB, records: Records, odd: str
) -> None:
    url = start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET, DDB_ENDPOINT=dynamodb.endpoint)
    deliveries = [_deliveries(records.put())[0] for _ in range(IN_FLIGHT_LIMIT + 1)]
    dynamodb.fault = faults.fixed_response(200, b'{"Responses":[%s]}' % odd.encode())
    refused = [_outcome(url, delivery) for delivery in deliveries]
    dynamodb.fault = faults.healthy

    assert [_outcome(url, delivery) for delivery in deliveries] == [(200, "applied")] * len(deliveries)
    assert {status for status, _ in refused} <= {500, 503}


def _outcome(url: str, delivery: Delivery) -> tuple[int, str]:
    with httpx.Client(base_url=url, timeout=30, verify=NO_CERTIFICATES) as client:
        return delivery.to(client)[:2]
