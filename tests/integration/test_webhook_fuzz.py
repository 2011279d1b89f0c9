"""Sends random deliveries, signed and unsigned: every answer is one of the contract, never a 500."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lea_payments.stripe.events import EVENT_TYPES
from tests.support import stripe_bodies
from tests.support.examples import examples
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.stripe_bodies import SECRET, sign

CASES = examples(100, 1000)
ANSWERS = {
    *((200, outcome) for outcome in ("applied", "duplicate", "stale", "review", "unmatched", "ignored", "wrong_mode")),
    (400, "invalid_signature"),
    (400, "invalid_payload"),
    (413, "too_large"),
}


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET), timeout=30, verify=NO_CERTIFICATES
    ) as client:
        yield client


def _answer(webhook: httpx.Client, body: bytes, header: bytes) -> tuple[int, str]:
    answer = webhook.post("/webhook/stripe", content=body, headers={b"Stripe-Signature": header})
    return answer.status_code, answer.json()["outcome"]


fuzz = settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
valid_events = [
    *(
        stripe_bodies.completed("payment_1"),
        stripe_bodies.declined("payment_1"),
        stripe_bodies.refunded("payment_1", 5),
    ),
    *(stripe_bodies.refund("refund.updated", 5, "succeeded"), stripe_bodies.dispute("created", "lost")),
    stripe_bodies.fraud_warning("created", actionable=True),
]


legal_bytes = st.integers(0x20, 0xFF).filter(lambda byte: byte != 0x7F)
legal_header = st.lists(legal_bytes, max_size=200).map(lambda text: bytes(text).strip())


@given(body=st.binary(max_size=2000), header=legal_header)
@fuzz
def test_any_bytes_get_an_answer_of_the_contract(webhook: httpx.Client, body: bytes, header: bytes) -> None:
    assert _answer(webhook, body, header) in ANSWERS


@given(event_type=st.sampled_from([*EVENT_TYPES]) | st.text(max_size=30), value=anything)
@fuzz
def test_any_signed_object_gets_an_answer_of_the_contract(webhook: httpx.Client, event_type: str, value: Any) -> None:
    body = json.dumps(json.loads(valid_events[0]) | {"type": event_type, "data": {"object": value}}).encode()

    assert _answer(webhook, body, sign(body).encode()) in ANSWERS


@st.composite
def damaged_events(draw: st.DrawFn) -> bytes:
    """A valid event with one field, at any depth, replaced or removed."""
    event = json.loads(draw(st.sampled_from(valid_events)))
    place = draw(st.sampled_from([event, event["data"], event["data"]["object"]]))
    name = draw(st.sampled_from(sorted(place)) | st.text(max_size=10))
    if draw(st.booleans()):
        place.pop(name, None)
    else:
        place[name] = draw(anything | st.text(max_size=600) | st.integers(-(10**30), 10**30))
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


@given(body=damaged_events())
@fuzz
def test_a_damaged_field_gets_an_answer_of_the_contract(webhook: httpx.Client, body: bytes) -> None:
    try:
        header = sign(body).encode()
    except UnicodeDecodeError:
        header = b"t=1,v1=0"

    assert _answer(webhook, body, header) in ANSWERS
