"""Attacks on the checkout API: wrong tokens and bodies that no caller should send."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx

from lea_payments.telemetry.metrics import OK
from tests.attack.context import AttackContext
from tests.attack.kinds.senders import flood
from tests.attack.markers import EMAIL, NAME, TOKEN, WRONG_TOKEN
from tests.support.checkout_api import checkout_client, payment_body
from tests.support.json_lines import json_lines
from tests.support.senders import head

LINE_SECONDS = 60
"""The time between two log lines about wrong tokens; the first call has a line at once."""

REQUESTS = "payments_checkout_requests_total"


def wrong_calls(context: AttackContext) -> str:
    """Sends wrong tokens and bad bodies as fast as they are answered, beside good calls."""
    offset, before, started = context.checkout.log_size(), _counted(context), time.monotonic()
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
    rejections = sum(line["event"] == "token_rejected" for line in lines)
    most = 1 + (time.monotonic() - started) // LINE_SECONDS
    counted = _counted(context) - before
    context.require(answers.keys() <= {400, 401, 413, 415, 422}, f"the answers were {dict(answers)}")
    context.require(created.keys() == {201}, f"the good calls were answered {dict(created)}")
    context.require(counted >= answers.total(), f"the metrics count {counted:.0f} of {answers.total()} calls")
    context.require(answers[401], "no wrong token was answered with 401")
    context.require(1 <= rejections <= most, f"{rejections} log lines about wrong tokens instead of 1 to {most:.0f}")
    return (
        f"{answers.total():,} wrong calls beside {created[201]} good ones; "
        f"{answers[401]:,} wrong tokens, log lines about them: {rejections}"
    )


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
    """The calls that the metrics count with an error code, over all routes."""
    samples = context.checkout.scrape().samples
    return sum(sample.value for sample in samples if sample.name == REQUESTS and sample.labels["code"] != OK)
