"""Attacks with forged deliveries: bodies and headers that are expensive to examine, and floods."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.attack.context import AttackContext
from tests.attack.kinds.senders import SENDERS, flood
from tests.attack.markers import EMAIL, HEADERS, NAME, PHONE
from tests.support.json_lines import json_lines
from tests.support.senders import head

FORGED_LINES = 10
"""Log lines and traces per reason and second of what is not verified. A second of the log's clock can touch two."""

FAILURES = "payments_webhook_signature_failures_total"

EXPORT_SECONDS = 1.0
"""The last spans are exported within this time."""

DIGEST = "0" * 64
BODY_SIZE = 32 * 1024
DEPTHS = (1, 15, 100, 300, 480, 490, 900)


def nested_brackets(context: AttackContext) -> str:
    """Sends bodies that become many times longer when they are serialized again."""
    return _rate(context, _rejected(context, [_request(body, f"t=1,v1={DIGEST}") for body in _expensive_bodies()]))


def expensive_headers(context: AttackContext) -> str:
    """Sends signature headers with many and strange items."""
    body = b'{"livemode": false, "id": "evt_1"}'
    return _rate(context, _rejected(context, [_request(body, header) for header in _expensive_headers()]))


def flood_of_forgeries(context: AttackContext) -> str:
    """Sends small forged deliveries, and checks the lines and traces of each second."""
    body = f'{{"id": "evt_1", "email": "{EMAIL}", "name": "{NAME}", "phone": "{PHONE}"}}'.encode()
    offset, spans = context.webhook.log_size(), len(context.sink.spans)
    before = _counted(context)
    answers = _rejected(context, [_request(body, f"t=1,v1={DIGEST}")])
    lines = json_lines(context.webhook.log_from(offset))
    rejections = [line for line in lines if line.get("outcome") == "invalid_signature"]
    seconds = Counter((line["reason"], line["timestamp"][:19]) for line in rejections)
    most = max(seconds.values(), default=0)
    time.sleep(EXPORT_SECONDS)
    traces = sum(span.attributes.get("payments.outcome") == "invalid_signature" for span in context.sink.spans[spans:])
    counted = _counted(context) - before
    context.require(0 < most <= 2 * FORGED_LINES, f"{most} log lines of one reason in one second")
    context.require(traces, "there is no trace of a forged delivery")
    context.require(traces <= 2 * FORGED_LINES * (context.seconds + 2) * 2, f"{traces} traces of forged deliveries")
    context.require(counted >= answers[400], f"the metrics count {counted:.0f} of {answers[400]} forged deliveries")
    return (
        f"{_rate(context, answers)}, {counted:,.0f} counted; "
        f"{most} lines per reason and second of the clock at most, {traces} traces"
    )


def _rejected(context: AttackContext, requests: Sequence[bytes]) -> Counter[int]:
    """Sends the requests, and requires that each is refused; returns the answers by status."""
    answers = flood(context.webhook.url, requests, context.seconds)
    context.require(answers[400], "no forged delivery was answered with 400")
    context.require(answers.keys() <= {400, 431, 0}, f"the answers were {dict(answers)}")
    context.require(answers[0] <= SENDERS, f"{answers[0]} forged deliveries got no answer")
    return answers


def _rate(context: AttackContext, answers: Counter[int]) -> str:
    return f"{answers.total():,} forged deliveries, {answers.total() / context.seconds:,.0f} per second"


def _counted(context: AttackContext) -> float:
    """The forged deliveries that the metrics count, for all reasons."""
    return sum(context.webhook.scrape().series(FAILURES).values())


def _request(body: bytes, signature: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in HEADERS.items()]
    return head(len(body), f"Stripe-Signature: {signature}", *lines) + body


def _expensive_bodies() -> Iterator[bytes]:
    for depth in DEPTHS:
        zeros = ",".join("0" * ((BODY_SIZE - 2 * depth) // 2))
        yield b"[" * depth + zeros.encode() + b"]" * depth
    yield b"[" * BODY_SIZE
    yield b'{"a":' * (BODY_SIZE // 10) + b"1" + b"}" * (BODY_SIZE // 10)
    yield b"[" + b",".join([b'"\xc3\xbc\xc3\xb6\xc3\xa4"'] * 1900) + b"]"
    yield b'"' + b"\\u0000" * (BODY_SIZE // 6 - 1) + b'"'
    yield b"[" + b",".join([b"[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"] * 130) + b"]"
    yield b"1" * BODY_SIZE
    yield b"1e" + b"9" * 400
    yield b"{" + b",".join(b'"%d":%d' % (number, number) for number in range(1990)) + b"}"
    yield b" " * (BODY_SIZE - 2) + b"{}"


def _expensive_headers() -> Iterator[str]:
    signature = f"v1={DIGEST}"
    yield "t=1," + ",".join([signature] * 15)
    yield "t=1," + ",".join([signature] * 450)
    yield "," * 30_000
    yield "t=" + "9" * 4_000 + f",{signature}"
    yield "t=" + "9" * 20_000 + f",{signature}"
    yield f"t=-1,{signature}"
    yield ",".join(["t=1"] * 15) + f",{signature}"
    yield "t=1," + "v1=" * 9_000
    yield "t=1,v1=" + "0" * 30_000
    yield f"t=1,v1={NAME},v1={EMAIL},scheme={PHONE}"
    yield "t=1,v0=" + DIGEST
    yield "=" * 30_000
    yield f"t=\uff11,{signature}".encode().decode("latin-1")
