import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store import connection
from tests.support import stripe_bodies
from tests.support.records import Records
from tests.support.scenarios import AFTER_PAYMENT, SCENARIOS, Scenario, ending, facts, record
from tests.support.stripe_bodies import SECRET, sign

ROUTE = "/webhook/stripe"


@pytest.fixture(scope="module")
def webhook(start_part: Callable[..., str]) -> Iterator[httpx.Client]:
    url = start_part("webhook", STRIPE_WEBHOOK_SECRET=SECRET)
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def records(table_settings: TableSettings) -> Iterator[Records]:
    records = Records(table_settings)
    yield records
    records.close()


def _send(webhook: httpx.Client, body: bytes) -> str:
    answer = webhook.post(ROUTE, content=body, headers={"Stripe-Signature": sign(body)})
    assert answer.status_code == 200, answer.text
    outcome: str = answer.json()["outcome"]
    return outcome


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_any_order_over_http_ends_in_the_same_record(
    webhook: httpx.Client, records: Records, scenario: Scenario
) -> None:
    for seed in range(3):
        payment_id = records.put()
        chance = random.Random(seed)
        deliveries = [body for body in scenario.events(payment_id) for _ in range(chance.randint(1, 3))]
        chance.shuffle(deliveries)
        for body in deliveries:
            _send(webhook, body)

        assert facts(records.get(payment_id)) == ending(record(payment_id), scenario)


@pytest.mark.parametrize("scenario", AFTER_PAYMENT.values(), ids=AFTER_PAYMENT.keys())
def test_news_that_names_only_the_payment_intent_reaches_its_payment(
    webhook: httpx.Client, records: Records, scenario: Scenario
) -> None:
    for order in itertools.permutations(range(len(scenario.events("")))):
        payment_id = records.put()
        intent = f"pi_of_{payment_id}"
        _send(webhook, stripe_bodies.completed(payment_id, payment_intent=intent))
        events = [body.replace(b'"pi_a"', f'"{intent}"'.encode()) for body in scenario.events(payment_id)]
        for number in order:
            _send(webhook, events[number])

        found = records.get(payment_id)
        assert {name: getattr(found, name) for name in scenario.ends} == scenario.ends


def test_eight_senders_of_the_same_event_apply_it_once(webhook: httpx.Client, records: Records) -> None:
    payment_id = records.put()
    body = stripe_bodies.completed(payment_id)

    with ThreadPoolExecutor(8) as senders:
        outcomes = list(senders.map(lambda _: _send(webhook, body), range(24)))

    assert sorted(outcomes) == ["applied", *["duplicate"] * 23]
    assert len(records.get(payment_id).history) == 1


def test_eight_senders_of_different_events_end_in_the_record_of_any_order(
    webhook: httpx.Client, records: Records
) -> None:
    payment_id = records.put()
    bodies = [
        *SCENARIOS["decline then expiry"].events(payment_id),
        *SCENARIOS["delayed method failed"].events(payment_id),
        *SCENARIOS["partial then full refund"].events(payment_id),
    ] * 3

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda body: _send(webhook, body), bodies))

    assert facts(records.get(payment_id)) == ending(record(payment_id), SCENARIOS["partial then full refund"])


def test_each_outcome_is_named_in_one_word(webhook: httpx.Client, records: Records) -> None:
    payment_id = records.put()
    paid = stripe_bodies.completed(payment_id)

    assert _send(webhook, paid) == "applied"
    assert _send(webhook, paid) == "duplicate"
    assert _send(webhook, stripe_bodies.expired(payment_id)) == "stale"
    assert _send(webhook, stripe_bodies.event("customer.created", {"object": "customer"})) == "ignored"
    assert _send(webhook, stripe_bodies.completed("payment_of_another_system")) == "unmatched"
    assert _send(webhook, stripe_bodies.completed(records.put(), amount_total=1)) == "review"
    live = json.dumps(json.loads(stripe_bodies.completed(records.put())) | {"livemode": True}).encode()
    assert _send(webhook, live) == "wrong_mode"


def test_a_record_put_by_hand_is_completed_and_learns_its_session(
    webhook: httpx.Client, records: Records, table_settings: TableSettings
) -> None:
    connection.client(table_settings).put_item(
        TableName=table_settings.table,
        Item={
            "payment_intent_id": {"S": "payment_by_hand"},
            "user_id": {"S": "user_1"},
            "quote_id": {"S": "quote_1"},
            "payment_status": {"S": "pending"},
            "amount": {"N": "4999"},
            "currency": {"S": "SGD"},
            "created_at": {"S": "2026-01-01T00:00:00Z"},
        },
    )

    assert _send(webhook, stripe_bodies.completed("payment_by_hand")) == "applied"

    found = records.get("payment_by_hand")
    assert (found.payment_status, found.stripe_session_id, found.stripe_payment_intent) == (
        "completed",
        "cs_test_a",
        "pi_a",
    )
    assert found.webhook_processed_at is not None
    assert (found.user_id, found.created_at, found.currency) == ("user_1", "2026-01-01T00:00:00Z", "SGD")


def _good(body: bytes) -> bytes:
    return sign(body).encode()


def _signed_after(seconds: float) -> Callable[[bytes], bytes]:
    return lambda body: sign(body, at=time.time() + seconds).encode()


class Bad(NamedTuple):
    """A delivery made from a payment's id, and its row of the contract."""

    body: Callable[[str], bytes]
    header: Callable[[bytes], bytes | None]
    status: int
    outcome: str


_PAID = stripe_bodies.completed
_THIN = b'{"id": "evt_thin", "object": "v2.core.event", "type": "v1.x", "created": 1, "livemode": false}'
_DEEP = b"[" * 100_000 + b"]" * 100_000


def _replacing(old: bytes, new: bytes) -> Callable[[str], bytes]:
    return lambda payment_id: _PAID(payment_id).replace(old, new)


BAD = {
    "no header": Bad(_PAID, lambda _: None, 400, "invalid_signature"),
    "empty header": Bad(_PAID, lambda _: b"", 400, "invalid_signature"),
    "garbage header": Bad(_PAID, lambda _: b"%;;=,=,t=,v1", 400, "invalid_signature"),
    "non-ASCII header": Bad(_PAID, lambda body: _good(body)[:20] + "é日".encode(), 400, "invalid_signature"),
    "wrong secret": Bad(_PAID, lambda body: sign(body, "whsec_wrong").encode(), 400, "invalid_signature"),
    "altered body": Bad(_PAID, lambda body: _good(body + b" "), 400, "invalid_signature"),
    "old": Bad(_PAID, _signed_after(-302), 400, "invalid_signature"),
    "future": Bad(_PAID, _signed_after(330), 400, "invalid_signature"),
    "truncated JSON": Bad(lambda p: _PAID(p)[:-30], _good, 400, "invalid_payload"),
    "wrong shape": Bad(_replacing(b'"object": "event"', b'"object": []'), _good, 400, "invalid_payload"),
    "a list": Bad(lambda _: b"[1, 2]", _good, 400, "invalid_payload"),
    "empty": Bad(lambda _: b"", _good, 400, "invalid_payload"),
    "deep nesting": Bad(_replacing(b'"metadata": {}', b'"metadata": ' + _DEEP), _good, 400, "invalid_payload"),
    "257 KiB": Bad(lambda p: _PAID(p) + b" " * 257 * 1024, _good, 413, "too_large"),
    "thin event": Bad(lambda _: _THIN, _good, 400, "invalid_payload"),
    "an amount without end": Bad(lambda p: _PAID(p, amount_total=10**60), _good, 400, "invalid_payload"),
    "a reference without end": Bad(lambda _: _PAID("p" * 3000), _good, 400, "invalid_payload"),
    "unknown type": Bad(_replacing(b"session.completed", b"session.unheard_of"), _good, 200, "ignored"),
    "foreign payment": Bad(lambda p: _PAID(f"foreign_{p}"), _good, 200, "unmatched"),
    "wrong mode": Bad(_replacing(b'"livemode": false', b'"livemode": true'), _good, 200, "wrong_mode"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_is_answered_by_its_row_and_changes_nothing(
    webhook: httpx.Client, records: Records, bad: Bad
) -> None:
    payment_id = records.put()
    before = records.get(payment_id)
    body = bad.body(payment_id)
    header = bad.header(body)

    answer = webhook.post(ROUTE, content=body, headers={} if header is None else {b"Stripe-Signature": header})

    assert (answer.status_code, answer.json()) == (bad.status, {"outcome": bad.outcome})
    assert records.get(payment_id) == before
    assert _send(webhook, stripe_bodies.completed(payment_id)) == "applied"


def test_a_body_that_never_tells_its_length_is_cut_off_at_the_limit(webhook: httpx.Client) -> None:
    answer = webhook.post(ROUTE, content=(b"x" * 65536 for _ in range(6)))

    assert (answer.status_code, answer.json()) == (413, {"outcome": "too_large"})


def test_a_body_of_exactly_the_limit_is_read(webhook: httpx.Client, records: Records) -> None:
    body = stripe_bodies.completed(records.put())

    assert _send(webhook, body + b" " * (256 * 1024 - len(body))) == "applied"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_told_which_one_to_use(webhook: httpx.Client, method: str) -> None:
    answer = webhook.request(method, ROUTE)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_what_is_not_there_is_a_404_in_json(webhook: httpx.Client) -> None:
    answer = webhook.get("/")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
def test_health_answers(webhook: httpx.Client, path: str) -> None:
    assert webhook.get(path).status_code == 200
