"""Attacks on the checkout API: wrong tokens and bodies that no caller should send."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx

from tests.attack.context import AttackContext
from tests.attack.kinds.senders import flood
from tests.attack.markers import EMAIL, NAME, TOKEN, WRONG_TOKEN
from tests.support.checkout_api import checkout_client, payment_body
from tests.support.json_lines import json_lines
from tests.support.senders import head

UNAUTHORIZED_LINES = 2
"""The log may have one line per minute, and an attack can touch two minutes."""

REQUESTS = "payments_checkout_requests_total"


def wrong_calls(context: AttackContext) -> str:
    """Sends wrong tokens and bad bodies as fast as they are answered, beside good calls."""
    offset, before = context.checkout.log_size(), _counted(context)
    created: Counter[int] = Counter()
    end = threading.Event()
    caller = threading.Thread(target=_call_until, args=(context.checkout.url, end, created))
    caller.start()
    try:
        answers = flood(context.checkout.url, [*_bad_requests()], context.seconds)
    finally:
        end.set()
        caller.join()
    lines = json_lines(context.checkout.log_from(offset))
    unauthorized = [line for line in lines if "unauthorized" in json.dumps(line)]
    counted = _counted(context) - before
    context.require(answers.keys() <= {400, 401, 413, 415, 422}, f"the answers were {dict(answers)}")
    context.require(created.keys() == {201}, f"the good calls were answered {dict(created)}")
    context.require(counted >= answers.total(), f"the metrics count {counted:.0f} of {answers.total()} calls")
    context.require(len(unauthorized) <= UNAUTHORIZED_LINES, f"{len(unauthorized)} log lines about wrong tokens")
    return f"{answers.total():,} wrong calls beside {created[201]} good ones"


def _bad_requests() -> Iterator[bytes]:
    good = payment_body(user_id=EMAIL, product_name=NAME)
    bodies = (
        *(b"{", b"[" * 16_000, b"9" * 16_000, b"null", b"[]", b'"\xff"', b"x" * 16_385),
        json.dumps(good | {"amount": "1E+400000"}).encode(),
        json.dumps(good | {"amount": 10**400}).encode(),
        json.dumps(good | {"currency": NAME}).encode(),
        json.dumps(good | {"user_id": f"\x1b]52;c;{NAME}\x07"}).encode(),
    )
    for body in bodies:
        yield _request(body, TOKEN)
        yield _request(json.dumps(good).encode(), WRONG_TOKEN)


def _request(body: bytes, token: str) -> bytes:
    headers = (f"Authorization: Bearer {token}", "Content-Type: application/json")
    return head(len(body), *headers, path="/payments") + body


def _call_until(url: str, end: threading.Event, answers: Counter[int]) -> None:
    with checkout_client(url, TOKEN) as client:
        while not end.is_set():
            try:
                answers[client.post("/payments", json=payment_body()).status_code] += 1
            except httpx.HTTPError:
                answers[0] += 1
            time.sleep(0.1)


def _counted(context: AttackContext) -> float:
    """The requests that the metrics count, over all routes and codes."""
    return sum(context.checkout.scrape().series(REQUESTS).values())
