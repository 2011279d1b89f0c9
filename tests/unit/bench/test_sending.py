"""Tests the events that the benchmark sends, and when it sends them."""

import asyncio
import json
from collections.abc import Sequence

import pytest
import stripe

from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import events
from tests.bench.sending import requests
from tests.bench.sending.load import AsFastAsAnswered, AtRate, Connection, Order

SECRET = "whsec_test"
NOW = 1_800_000_000


class _Recorder(Connection):
    """A connection that records what it sends, and is answered when the test says so, or at once."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.sent: list[tuple[bytes, float]] = []
        self.sends: asyncio.Queue[bytes] = asyncio.Queue()
        self.plan: AsFastAsAnswered | AtRate | None = None
        self._at_once = at_once

    def send(self, request: bytes, due: float) -> None:
        self.sent.append((request, due))
        self.sends.put_nowait(request)
        if self._at_once:
            asyncio.get_running_loop().call_soon(self.answer)

    def answer(self) -> None:
        assert self.plan is not None
        self.plan.answered(self)


def _start(plan: AsFastAsAnswered | AtRate, connections: Sequence[_Recorder]) -> None:
    for connection in connections:
        connection.plan = plan
    plan.start(connections)


@pytest.mark.parametrize("event", ["session", "intent"])
def test_a_request_is_signed_as_stripe_signs(event: str) -> None:
    (request,) = requests.signed(event, SECRET, ["payment_00000042"], NOW)
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])

    assert int(headers["Content-Length"]) == len(body)
    assert stripe.WebhookSignature.verify_header(body.decode(), headers["Stripe-Signature"], SECRET, None)


def test_an_event_names_its_payment_and_its_own_objects() -> None:
    bodies = [requests.body_of("session", payment_id, NOW) for payment_id in requests.payment_ids("turn1-", 2)]
    first, second = (events.translate(body.encode(), livemode=False) for body in bodies)

    assert isinstance(first, PaymentEvent)
    assert isinstance(second, PaymentEvent)
    assert first.payment_ids == ("turn1-00000000",)
    assert (first.id, first.session_id) != (second.id, second.session_id)


def test_an_intent_has_the_id_of_the_payment() -> None:
    intent = json.loads(requests.body_of("intent", "turn1-00000001", NOW))["data"]["object"]

    assert intent["id"] == intent["metadata"]["payment_intent_id"] == "turn1-00000001"


def test_given_ids_replace_those_of_the_prefix() -> None:
    assert Order(1, 1, 2, "a").payment_ids() == ["a00000000", "a00000001"]
    assert Order(1, 1, 1, "a", ids=["b"]).payment_ids() == ["b"]


async def test_each_connection_waits_for_its_answer() -> None:
    done = asyncio.get_running_loop().create_future()
    one, two = _Recorder(), _Recorder()
    _start(AsFastAsAnswered([b"1", b"2", b"3"], done), [one, two])
    assert ([request for request, _ in one.sent], [request for request, _ in two.sent]) == ([b"1"], [b"2"])

    two.answer()
    assert [request for request, _ in two.sent] == [b"2", b"3"]
    one.answer()
    assert not done.done()
    two.answer()

    assert done.done()


async def test_a_rate_sets_when_each_event_is_due() -> None:
    done = asyncio.get_running_loop().create_future()
    connection = _Recorder(at_once=True)
    _start(AtRate([b"1", b"2", b"3"], done, 1_000), [connection])
    await done

    assert [request for request, _ in connection.sent] == [b"1", b"2", b"3"]
    first, *later = [due for _, due in connection.sent]
    assert [round((due - first) * 1_000, 6) for due in later] == [1, 2]


async def test_an_event_that_waits_keeps_the_time_it_was_due() -> None:
    """At an endless rate all events are due at once, and one connection sends them one after the other."""
    done = asyncio.get_running_loop().create_future()
    connection = _Recorder()
    _start(AtRate([b"1", b"2", b"3"], done, float("inf")), [connection])
    for number in (1, 2, 3):
        await connection.sends.get()
        assert len(connection.sent) == number, "one at a time"
        connection.answer()

    await done
    assert [request for request, _ in connection.sent] == [b"1", b"2", b"3"]
    assert len({due for _, due in connection.sent}) == 1
