import json
from collections.abc import Sequence
from typing import Any

from lea_payments.stripe.lists import StripeLists
from tests.support import stripe_bodies
from tests.support.scripted_stripe import SETTINGS, Response, ScriptedStripe

SESSIONS = "checkout.session"
NOT_FOUND = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}}
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

    assert [event.payment_ids for event in events] == [("p",)]
    assert [kind for kind, _ in unreadable] == ["event"]
    assert "not a readable snapshot event" in unreadable[0][1]


async def test_events_and_sessions_of_others_are_not_listed() -> None:
    paid = json.loads(stripe_bodies.completed("p"))
    events = await _all(_lists(paid | {"account": "acct_2"}, paid | {"context": "acct_2"}, paid)[0].events(0))
    sessions = await _all(_lists(SESSION | {"mode": "setup"}, SESSION | {"livemode": True})[0].objects(SESSIONS, 0))

    assert [event.id for event in events] == [paid["id"]]
    assert sessions == []


async def test_a_lone_surrogate_does_not_stop_a_list() -> None:
    lists, unreadable = _lists(SESSION | {"customer_details": {"name": "\ud83d"}}, SESSION)

    assert len(await _all(lists.objects(SESSIONS, 0))) == 2
    assert unreadable == []


async def test_unreadable_sessions_are_reported_and_skipped() -> None:
    lists, unreadable = _lists({"id": "cs_1"}, SESSION, SESSION | {"status": "open"})

    sessions = await _all(lists.objects(SESSIONS, 0, 1))

    assert [event.payment_ids for event in sessions] == [("payment_1",)]
    assert unreadable == [("checkout.session", "ValidationError")]


async def test_the_id_of_a_listed_fact_names_object_and_state() -> None:
    lists, _ = _lists(stripe_bodies.refund_object(700, "pending", id="re_1", created=5))

    [refund] = await _all(lists.objects("refund", 0))

    assert (refund.id, refund.type, refund.created) == ("re_1:pending", "refund", 5)


async def test_an_open_session_is_listed_with_its_decline() -> None:
    intent = stripe_bodies.intent_object()
    lists, _ = _lists(SESSION | {"status": "open", "payment_intent": intent}, SESSION | {"payment_intent": intent})

    events = await _all(lists.objects(SESSIONS, 0))

    assert [(event.type, event.object_id) for event in events] == [
        ("payment_intent", "pi_a"),
        ("checkout.session", "cs_test_a"),
    ]


async def test_the_objects_of_a_payment_intent_are_found() -> None:
    stripe = ScriptedStripe(Response(body={"data": [SESSION], "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda *_: None)

    [session] = await lists.objects_of_intent(SESSIONS, "pi_a")

    assert (session.object_id, session.intent_ids) == ("cs_test_a", ("pi_a",))
    assert stripe.requests[0]["payment_intent"] == "pi_a"


async def test_a_session_is_read_with_its_payment_intent() -> None:
    body = SESSION | {"status": "open", "payment_intent": stripe_bodies.intent_object()}
    lists = StripeLists(SETTINGS, ScriptedStripe(Response(body=body)).reader(), lambda *_: None)

    [declined] = await lists.session("cs_test_a")

    assert (declined.object_id, declined.fact.state) == ("pi_a", "declined")


async def test_a_session_that_stripe_does_not_have_is_empty() -> None:
    lists = StripeLists(SETTINGS, ScriptedStripe(Response(status=404, body=NOT_FOUND)).reader(), lambda *_: None)

    assert await lists.session("cs_test_a") == []


async def test_a_time_range_is_sent_to_stripe() -> None:
    stripe = ScriptedStripe(Response(body={"data": [], "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda *_: None)

    await _all(lists.events(5, 9, ["charge.refunded"], undelivered=True))

    expected = {"created[gte]": "5", "created[lte]": "9", "types[0]": "charge.refunded", "delivery_success": "false"}
    assert expected.items() <= stripe.requests[0].items()
