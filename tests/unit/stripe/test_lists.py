import json
from collections.abc import Sequence
from typing import Any

from lea_payments.stripe.lists import StripeLists
from tests.support import stripe_bodies
from tests.support.scripted_stripe import SETTINGS, Response, ScriptedStripe

SESSION = stripe_bodies.session("payment_1", created=1, livemode=False)


def _lists(*objects: object) -> tuple[StripeLists, list[tuple[str, str]]]:
    unreadable: list[tuple[str, str]] = []
    stripe = ScriptedStripe(Response(body={"data": objects, "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda kind, reason: unreadable.append((kind, reason)))
    return lists, unreadable


async def _all(pages: Any) -> Sequence[Any]:
    return [each async for page in pages for each in page]


async def test_unreadable_events_are_reported_and_skipped() -> None:
    paid, other = (json.loads(body) for body in (stripe_bodies.completed("p"), stripe_bodies.event("customer.new", {})))
    lists, unreadable = _lists(paid, {"object": "event"}, other)

    events = await _all(lists.events(0))

    assert [event.payment_id for event in events] == ["p"]
    assert [kind for kind, _ in unreadable] == ["event"]
    assert "not a readable snapshot event" in unreadable[0][1]


async def test_events_and_sessions_of_others_are_not_listed() -> None:
    paid = json.loads(stripe_bodies.completed("p"))
    events = await _all(_lists(paid | {"account": "acct_2"}, paid | {"context": "acct_2"}, paid)[0].events(0))
    sessions = await _all(_lists(SESSION | {"mode": "setup"})[0].sessions(0))

    assert [event.id for event in events] == [paid["id"]]
    assert [listed.event for listed in sessions] == [None]


async def test_a_lone_surrogate_does_not_stop_a_list() -> None:
    lists, unreadable = _lists(SESSION | {"customer_details": {"name": "\ud83d"}}, SESSION)

    assert len(await _all(lists.sessions(0))) == 2
    assert unreadable == []


async def test_unreadable_sessions_are_reported_and_skipped() -> None:
    lists, unreadable = _lists({"id": "cs_1"}, SESSION, SESSION | {"status": "open"})

    sessions = await _all(lists.sessions(0, 1))

    assert [event and event.payment_id for _, event in sessions] == ["payment_1", None]
    assert unreadable == [("session", "not a readable Checkout Session: ValidationError")]


async def test_the_session_of_a_payment_intent_is_found() -> None:
    session = await _lists({"id": "cs_1"}, SESSION)[0].session_of_intent("pi_a")

    assert session is not None
    assert (session.id, session.intent_id) == ("cs_test_a", "pi_a")


async def test_a_payment_intent_can_have_no_session() -> None:
    assert await _lists()[0].session_of_intent("pi_a") is None


async def test_a_time_range_is_sent_to_stripe() -> None:
    stripe = ScriptedStripe(Response(body={"data": [], "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda *_: None)

    await _all(lists.events(5, 9, ["charge.refunded"], undelivered=True))

    expected = {"created[gte]": "5", "created[lte]": "9", "types[0]": "charge.refunded", "delivery_success": "false"}
    assert expected.items() <= stripe.requests[0].items()
