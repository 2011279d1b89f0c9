"""Sends events in any order, and invalid deliveries, to the webhook over HTTP."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from lea_payments.settings import TableSettings
from tests.support import plain_http, stripe_bodies, tables
from tests.support.records import Records
from tests.support.stripe_bodies import SECRET, sign

ROUTE = "/webhook/stripe"
OTHER_SYSTEM = {"id": "cs_test_of_another_system", "payment_intent": "pi_of_another_system"}


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    url = start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET)
    with plain_http.client(url) as client:
        yield client


def _send(webhook: httpx.Client, body: bytes, route: str = ROUTE) -> str:
    answer = webhook.post(route, content=body, headers={"Stripe-Signature": sign(body)})
    assert answer.status_code == 200, answer.text
    outcome: str = answer.json()["outcome"]
    return outcome


def test_concurrent_copies_of_an_event_apply_it_once(webhook: httpx.Client, records: Records) -> None:
    payment_id = records.put()
    body = stripe_bodies.completed(payment_id)

    with ThreadPoolExecutor(8) as senders:
        outcomes = list(senders.map(lambda _: _send(webhook, body), range(24)))

    assert sorted(outcomes) == ["applied", *["duplicate"] * 23]
    assert len(records.get(payment_id).history) == 1


def test_each_delivery_is_answered_with_its_outcome(webhook: httpx.Client, records: Records) -> None:
    payment_id = records.put()
    paid = stripe_bodies.completed(payment_id)

    assert _send(webhook, paid) == "applied"
    assert _send(webhook, paid) == "duplicate"
    assert _send(webhook, stripe_bodies.expired(payment_id)) == "stale"
    assert _send(webhook, stripe_bodies.event("customer.created", {"object": "customer"})) == "ignored"
    assert _send(webhook, stripe_bodies.completed("payment_of_another_system", **OTHER_SYSTEM)) == "unmatched"
    assert _send(webhook, stripe_bodies.completed(records.put(), amount_total=1)) == "review"
    live = json.dumps(json.loads(stripe_bodies.completed(records.put())) | {"livemode": True}).encode()
    assert _send(webhook, live) == "wrong_mode"


def test_only_events_of_the_own_account_are_applied(start_service: Callable[..., str], records: Records) -> None:
    url = start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET, STRIPE_ACCOUNT="acct_own")
    payment_id = records.put()
    paid = json.loads(stripe_bodies.completed(payment_id))

    with plain_http.client(url) as client:
        outcomes = [
            _send(client, json.dumps(paid | names).encode())
            for names in ({"account": "acct_other"}, {"context": "acct_other"}, {"account": "acct_own"}, {})
        ]

    assert outcomes == ["ignored", "ignored", "applied", "duplicate"]


def test_an_odd_value_in_an_unused_field_is_accepted(webhook: httpx.Client, records: Records) -> None:
    expired = json.loads(stripe_bodies.expired(records.put(), payment_status="partially_paid", amount_total="none"))
    dispute = {"object": "dispute", "charge": "ch_a", "status": "won"}

    assert _send(webhook, json.dumps(expired | {"request": "\ud83d"}).encode()) == "applied"
    assert _send(webhook, stripe_bodies.event("charge.dispute.closed", dispute)) == "unmatched"
    assert _send(webhook, stripe_bodies.completed(records.put(), payment_status="partially_paid")) == "applied"


def test_a_slash_at_the_end_of_the_path_changes_nothing(webhook: httpx.Client, records: Records) -> None:
    paid = stripe_bodies.completed(records.put())

    assert [_send(webhook, paid, f"{ROUTE}/"), _send(webhook, paid)] == ["applied", "duplicate"]
    rejected = [webhook.post(route, content=paid) for route in (ROUTE, f"{ROUTE}/")]
    assert [(answer.status_code, answer.json()) for answer in rejected] == [(400, {"outcome": "invalid_signature"})] * 2


def test_a_record_written_by_hand_is_completed(
    webhook: httpx.Client, records: Records, table_settings: TableSettings
) -> None:
    tables.client(table_settings).put_item(
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

    payment = records.get("payment_by_hand")
    assert (payment.payment_status, payment.stripe_session_id, payment.stripe_payment_intent) == (
        "completed",
        "cs_test_a",
        "pi_a",
    )
    assert payment.webhook_processed_at is not None
    assert (payment.user_id, payment.created_at, payment.currency) == ("user_1", "2026-01-01T00:00:00Z", "SGD")


def _valid_signature(body: bytes) -> bytes:
    return sign(body).encode()


def _signed_after(seconds: float) -> Callable[[bytes], bytes]:
    return lambda body: sign(body, at=time.time() + seconds).encode()


class InvalidDelivery(NamedTuple):
    """An invalid delivery, made from a payment's id, and the answer of the contract."""

    body: Callable[[str], bytes]
    header: Callable[[bytes], bytes | None]
    status: int
    outcome: str


_PAID = stripe_bodies.completed
_THIN = b'{"id": "evt_thin", "object": "v2.core.event", "type": "v1.x", "created": 1, "livemode": false}'
_DEEP = b"[" * 100_000 + b"]" * 100_000


def _replacing(old: bytes, new: bytes) -> Callable[[str], bytes]:
    return lambda payment_id: _PAID(payment_id).replace(old, new)


INVALID_DELIVERIES = {
    "no header": InvalidDelivery(_PAID, lambda _: None, 400, "invalid_signature"),
    "empty header": InvalidDelivery(_PAID, lambda _: b"", 400, "invalid_signature"),
    "garbage header": InvalidDelivery(_PAID, lambda _: b"%;;=,=,t=,v1", 400, "invalid_signature"),
    "non-ASCII header": InvalidDelivery(
        _PAID, lambda body: _valid_signature(body)[:20] + "é日".encode(), 400, "invalid_signature"
    ),
    "wrong secret": InvalidDelivery(_PAID, lambda body: sign(body, "whsec_wrong").encode(), 400, "invalid_signature"),
    "altered body": InvalidDelivery(_PAID, lambda body: _valid_signature(body + b" "), 400, "invalid_signature"),
    "old": InvalidDelivery(_PAID, _signed_after(-302), 400, "invalid_signature"),
    "future": InvalidDelivery(_PAID, _signed_after(330), 400, "invalid_signature"),
    "truncated JSON": InvalidDelivery(lambda p: _PAID(p)[:-30], _valid_signature, 400, "invalid_payload"),
    "wrong shape": InvalidDelivery(
        _replacing(b'"object": "event"', b'"object": []'), _valid_signature, 400, "invalid_payload"
    ),
    "a list": InvalidDelivery(lambda _: b"[1, 2]", _valid_signature, 400, "invalid_payload"),
    "empty": InvalidDelivery(lambda _: b"", _valid_signature, 400, "invalid_payload"),
    "deep nesting": InvalidDelivery(
        _replacing(b'"metadata": {}', b'"metadata": ' + _DEEP), _valid_signature, 400, "invalid_payload"
    ),
    "257 KiB": InvalidDelivery(lambda p: _PAID(p) + b" " * 257 * 1024, _valid_signature, 413, "too_large"),
    "thin event": InvalidDelivery(lambda _: _THIN, _valid_signature, 200, "ignored"),
    "connected account": InvalidDelivery(
        _replacing(b'"pending_webhooks": 1', b'"account": "acct_9"'), _valid_signature, 200, "ignored"
    ),
    "account of an organization": InvalidDelivery(
        _replacing(b'"pending_webhooks": 1', b'"context": "acct_9"'), _valid_signature, 200, "ignored"
    ),
    "setup session": InvalidDelivery(
        lambda p: _PAID(p, mode="setup", payment_status="no_payment_required"), _valid_signature, 200, "ignored"
    ),
    "subscription session": InvalidDelivery(lambda p: _PAID(p, mode="subscription"), _valid_signature, 200, "ignored"),
    "endless amount": InvalidDelivery(
        lambda p: _PAID(p, amount_total=10**60), _valid_signature, 400, "invalid_payload"
    ),
    "endless reference": InvalidDelivery(lambda _: _PAID("p" * 3000), _valid_signature, 400, "invalid_payload"),
    "unknown type": InvalidDelivery(
        _replacing(b"session.completed", b"session.unheard_of"), _valid_signature, 200, "ignored"
    ),
    "foreign payment": InvalidDelivery(
        lambda p: _PAID(f"foreign_{p}", **OTHER_SYSTEM), _valid_signature, 200, "unmatched"
    ),
    "wrong mode": InvalidDelivery(
        _replacing(b'"livemode": false', b'"livemode": true'), _valid_signature, 200, "wrong_mode"
    ),
}


@pytest.mark.parametrize("invalid", INVALID_DELIVERIES.values(), ids=INVALID_DELIVERIES.keys())
def test_an_invalid_delivery_changes_nothing(webhook: httpx.Client, records: Records, invalid: InvalidDelivery) -> None:
    payment_id = records.put()
    before = records.get(payment_id)
    body = invalid.body(payment_id)
    header = invalid.header(body)

    answer = webhook.post(ROUTE, content=body, headers={} if header is None else {b"Stripe-Signature": header})

    assert (answer.status_code, answer.json()) == (invalid.status, {"outcome": invalid.outcome})
    assert records.get(payment_id) == before
    assert _send(webhook, stripe_bodies.completed(payment_id)) == "applied"


def test_a_long_body_of_unknown_length_is_rejected(webhook: httpx.Client) -> None:
    answer = webhook.post(ROUTE, content=(b"x" * 65536 for _ in range(6)))

    assert (answer.status_code, answer.json()) == (413, {"outcome": "too_large"})


def test_a_body_of_exactly_the_limit_is_accepted(webhook: httpx.Client, records: Records) -> None:
    body = stripe_bodies.completed(records.put())

    assert _send(webhook, body + b" " * (256 * 1024 - len(body))) == "applied"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_a_405(webhook: httpx.Client, method: str) -> None:
    answer = webhook.request(method, ROUTE)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_an_unknown_path_is_a_404_in_json(webhook: httpx.Client) -> None:
    answer = webhook.get("/")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
def test_the_health_routes_answer(webhook: httpx.Client, path: str) -> None:
    assert webhook.get(path).status_code == 200
