"""Sends deliveries with invalid signatures: each has a reason and a remedy, and none causes a call to DynamoDB."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest

from lea_payments.settings import TableSettings
from lea_payments.stripe.signature import REMEDIES, SIGNATURE_REASONS
from tests.support import plain_http, stripe_bodies
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.stripe_bodies import SECRET, sign
from tests.support.webhook_delivery import ROUTE, Delivery

CANARY = "Heckenbraunelle"
FLOOD = 1500


class Webhook(NamedTuple):
    """A webhook with the URL of its metrics, a client, and the DynamoDB proxy that records its calls."""

    service: Process
    metrics: str
    client: httpx.Client
    dynamodb: FaultyDynamoDB

    def reject(self, body: bytes, header: str | None) -> None:
        """Sends a delivery and checks that it is rejected."""
        answer = self.client.post(ROUTE, content=body, headers={} if header is None else {"Stripe-Signature": header})
        assert (answer.status_code, answer.json()) == (400, {"outcome": "invalid_signature"})

    def failures(self) -> dict[str, float]:
        """The rejected deliveries by reason, from the metric."""
        series = Scrape.of(self.metrics).series("payments_webhook_signature_failures_total")
        return {reason: value for (reason,), value in series.items()}

    def rejection_lines(self) -> list[dict[str, Any]]:
        """The log lines with the reasons and remedies."""
        lines = map(json.loads, self.service.output().splitlines())
        return [line for line in lines if line["event"] == "signature_rejected"]


@pytest.fixture
def webhook(start: Callable[..., Process], free_port: Callable[[], int], dynamodb_endpoint: str) -> Iterator[Webhook]:
    port = free_port()
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as dynamodb:
        service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, DDB_ENDPOINT=dynamodb.endpoint, METRICS_PORT=str(port))
        with plain_http.client(service.url) as client:
            yield Webhook(service, f"http://127.0.0.1:{port}", client, dynamodb)
        service.stop()


@pytest.fixture
def records(table_settings: TableSettings) -> Iterator[Records]:
    records = Records(table_settings)
    yield records
    records.close()


def _event(payment_id: str, **fields: Any) -> dict[str, Any]:
    body = stripe_bodies.completed(payment_id, metadata={"note": CANARY})
    event: dict[str, Any] = json.loads(body)
    return event | fields


def _serialized(event: dict[str, Any]) -> bytes:
    return json.dumps(event, indent=2).encode()


Fault = Callable[[dict[str, Any]], tuple[bytes, str | None]]


def _signed(body: bytes, *, secret: str = SECRET, after: float = 0) -> tuple[bytes, str]:
    return body, sign(body, secret, time.time() + after)


FAULTS: dict[str, Fault] = {
    "no_header": lambda event: (_serialized(event), None),
    "no_v1": lambda event: (_serialized(event), f"t={int(time.time())}"),
    "wrong_secret": lambda event: _signed(_serialized(event), secret=f"whsec_{CANARY}"),
    "other_mode": lambda event: _signed(_serialized(event | {"livemode": True}), secret=f"whsec_{CANARY}"),
    "altered_body": lambda event: (json.dumps(event).encode(), sign(_serialized(event))),
    "truncated": lambda event: (_serialized(event)[:-20], sign(_serialized(event))),
    "too_old": lambda event: _signed(_serialized(event), after=-400),
    "in_future": lambda event: _signed(_serialized(event), after=400),
}


def test_each_reason_is_counted_and_its_remedy_logged_once(webhook: Webhook, records: Records) -> None:
    payment_id = records.put()
    before = records.get(payment_id)
    for fault in FAULTS.values():
        for _ in range(2):
            webhook.reject(*fault(_event(payment_id)))

    assert webhook.failures() == {reason: 2 * (reason in FAULTS) for reason in SIGNATURE_REASONS}
    lines = webhook.rejection_lines()
    assert {line["reason"]: line["remedy"] for line in lines} == {reason: REMEDIES[reason] for reason in FAULTS}
    assert [(line["count"], line["level"]) for line in lines] == [(1, "warning")] * len(FAULTS)
    assert records.get(payment_id) == before


def test_no_body_secret_or_header_is_logged(webhook: Webhook, records: Records) -> None:
    payment_id = records.put()
    for fault in FAULTS.values():
        webhook.reject(*fault(_event(payment_id)))
    webhook.reject(_serialized(_event(payment_id)), CANARY)
    webhook.reject(CANARY.encode(), f"t=1,v1={CANARY}")
    text = webhook.service.output() + Scrape.of(webhook.metrics).text

    assert len(webhook.rejection_lines()) == len(FAULTS) + 1  # a body that is not JSON counts as altered
    for secret in (CANARY, SECRET, payment_id, "someone@example.com"):
        assert secret not in text


def test_forged_deliveries_do_not_reach_dynamodb(webhook: Webhook, records: Records) -> None:
    payment_id = records.put()
    forged = [fault(_event(payment_id)) for fault in FAULTS.values()]
    genuine = Delivery.of(stripe_bodies.completed(payment_id))
    webhook.dynamodb.calls.clear()

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda number: webhook.reject(*forged[number % len(forged)]), range(FLOOD)))

    assert webhook.dynamodb.calls == []
    assert sum(webhook.failures().values()) == FLOOD
    assert len(webhook.rejection_lines()) < FLOOD / 10
    assert genuine.to(webhook.client).outcome == "applied"
    assert [call.operation for call in webhook.dynamodb.calls] == ["BatchExecuteStatement"]
