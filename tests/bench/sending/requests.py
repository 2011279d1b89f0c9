"""Builds signed webhook requests in the form in which Stripe sends them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import stripe

EVENTS = Path(__file__).parent / "events"


def payment_ids(prefix: str, count: int) -> list[str]:
    """The ids of the payments of a turn, PREFIX00000000 …; each gets one event."""
    return [f"{prefix}{number:08}" for number in range(count)]


def signed(event: str, secret: str, ids: Sequence[str], now: int) -> list[bytes]:
    """One complete HTTP request for each payment; `event` names the template."""
    return [_request(body_of(event, payment_id, now), secret, now) for payment_id in ids]


def body_of(event: str, payment_id: str, now: int) -> str:
    """The body of an event. The ids of Stripe's objects contain the last eight digits of the payment's id."""
    values = {"{payment_id}": payment_id, "{number}": payment_id[-8:], "{now}": str(now)}
    body = _template(event)
    for name, value in values.items():
        body = body.replace(name, value)
    return body


@cache
def _template(event: str) -> str:
    return (EVENTS / f"{event}.json").read_text()


def _request(body: str, secret: str, now: int) -> bytes:
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, now)
    head = (
        "POST /webhook/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*; q=0.5, application/xml\r\n"
        "Cache-Control: no-cache\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nContent-Length: {len(body.encode())}\r\n"
        f"Stripe-Signature: {signature},v0={'0' * 64}\r\n\r\n"
    )
    return (head + body).encode()
