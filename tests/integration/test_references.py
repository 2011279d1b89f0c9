"""Delivers events whose first reference leads nowhere: another one leads to the record."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.support import stripe_bodies
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

WRONG = "cart_17"
"""An id that another system wrote into a field which names our payment."""

OF_B: Mapping[str, str] = {"id": "cs_test_{p}_b", "payment_intent": "pi_{p}_b"}
"""The session and the PaymentIntent of a former link."""

REFERENCES: Mapping[str, bytes] = {
    "wrong client reference, our metadata": stripe_bodies.completed(WRONG, metadata={"payment_intent_id": "{p}"}),
    "wrong client reference, current session": stripe_bodies.completed(WRONG, id="cs_test_{p}"),
    "wrong metadata, current session": stripe_bodies.expired(
        WRONG, id="cs_test_{p}", metadata={"payment_intent_id": "x"}
    ),
    "wrong client reference, former session": stripe_bodies.expired(WRONG, **OF_B),
    "no reference but the session": stripe_bodies.completed(None, id="cs_test_{p}"),
    "unknown session, PaymentIntent": stripe_bodies.completed(WRONG, id="cs_unknown", payment_intent="pi_{p}"),
    "former session that is paid": stripe_bodies.completed(None, **OF_B),
    "decline with wrong metadata": stripe_bodies.declined(WRONG, intent="pi_{p}"),
    "decline with its PaymentIntent in the metadata": stripe_bodies.declined("pi_{p}", intent="pi_{p}"),
    "refund without metadata": stripe_bodies.refund("refund.updated", 5, "succeeded", "pi_{p}"),
    "refund with a PaymentIntent in the metadata": stripe_bodies.refund(
        "refund.updated", 5, "succeeded", "pi_{p}", metadata={"payment_intent_id": "pi_{p}"}
    ),
    "refund with only the metadata": stripe_bodies.refund(
        "refund.updated", 5, "succeeded", "pi_unknown", metadata={"payment_intent_id": "pi_{p}"}
    ),
    "refund that names our payment": stripe_bodies.refund(
        "refund.updated", 5, "succeeded", "pi_unknown", metadata={"payment_intent_id": "{p}"}
    ),
    "dispute with a PaymentIntent in the metadata": stripe_bodies.dispute(
        "created", "needs_response", "pi_{p}", metadata={"payment_intent_id": "pi_{p}"}
    ),
    "dispute with wrong metadata": stripe_bodies.dispute(
        "created", "needs_response", "pi_{p}", metadata={"payment_intent_id": WRONG}
    ),
    "charge with a PaymentIntent in the metadata": stripe_bodies.refunded("pi_{p}", 5, "pi_{p}"),
    "charge with wrong metadata": stripe_bodies.refunded(WRONG, 5, "pi_{p}"),
    "fraud warning": stripe_bodies.fraud_warning("created", actionable=True, intent="pi_{p}"),
}
"""Deliveries; `{p}` stands for the id of the payment."""


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET), timeout=30, verify=NO_CERTIFICATES
    ) as client:
        yield client


@pytest.fixture
def payment_id(records: Records) -> str:
    """Return a payment with a former session and a PaymentIntent of its own."""
    payment_id = records.put()
    names: dict[str, Any] = {name: value.replace("{p}", payment_id) for name, value in OF_B.items()}
    item = {
        **records.item(payment_id),
        "stripe_session_id": {"S": f"cs_test_{payment_id}"},
        "other_session_id": {"S": names["id"]},
        "stripe_payment_intent": {"S": f"pi_{payment_id}"},
    }
    records.put_item(item)
    return payment_id


@pytest.mark.parametrize("body", REFERENCES.values(), ids=REFERENCES.keys())
def test_every_reference_is_tried(webhook: httpx.Client, records: Records, payment_id: str, body: bytes) -> None:
    delivery = Delivery.of(body.replace(b"{p}", payment_id.encode()))

    answer = delivery.to(webhook)

    assert answer[:2] in ((200, "applied"), (200, "review"))
    assert records.history(payment_id) == [delivery.event_id]


def test_references_that_lead_nowhere_are_unmatched(webhook: httpx.Client) -> None:
    metadata = {"payment_intent_id": "pi_nowhere"}
    session = {"id": "cs_nowhere", "payment_intent": "pi_nowhere"}

    assert Delivery.of(stripe_bodies.completed(WRONG, metadata=metadata, **session)).to(webhook).outcome == "unmatched"


def test_a_session_between_two_records_belongs_to_the_named_one(webhook: httpx.Client, records: Records) -> None:
    """The payment that an event names comes before the payment that has its session."""
    named, other = records.put(), records.put(stripe_session_id="cs_of_other")
    body = json.loads(stripe_bodies.completed(named, id="cs_of_other"))

    assert Delivery.of(json.dumps(body).encode()).to(webhook).outcome == "applied"
    assert (len(records.history(named)), records.history(other)) == (1, [])
