import json
from collections.abc import Sequence
from typing import Any

import pytest

from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import facts
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.lists import StripeLists
from tests.support import stripe_bodies
from tests.support.scripted_stripe import SETTINGS, Response, ScriptedStripe

SESSION = {**stripe_bodies.session("payment_1", created=1, livemode=False), "mode": "payment"}
DECLINED_INTENT = {
    "id": "pi_a",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "last_payment_error": {"code": "card_declined"},
}
REFUND = {"id": "re_a", "object": "refund", "amount": 700, "status": "failed", "payment_intent": "pi_a", "created": 7}


def _lists(*objects: object) -> tuple[StripeLists, list[tuple[str, str]]]:
    unreadable: list[tuple[str, str]] = []
    stripe = ScriptedStripe(Response(body={"data": objects, "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda kind, reason: unreadable.append((kind, reason)))
    return lists, unreadable


async def _all(pages: Any) -> Sequence[Any]:
    return [each async for page in pages for each in page]


async def _sessions(*objects: object) -> Sequence[PaymentEvent]:
    return await _all(_lists(*objects)[0].objects(facts.SESSION, 0))


async def test_unreadable_events_are_reported_and_skipped() -> None:
    paid = json.loads(stripe_bodies.completed("p"))
    lists, unreadable = _lists(paid, {"object": "event"})

    events = await _all(lists.events(0))

    assert [event.payment_ids for event in events] == [("p",)]
    assert [kind for kind, _ in unreadable] == ["event"]
    assert "not a readable snapshot event" in unreadable[0][1]


async def test_only_open_sessions_of_payments_are_listed_as_open() -> None:
    is_open = {**SESSION, "status": "open", "payment_status": "unpaid", "payment_intent": None}
    lists, unreadable = _lists(is_open, SESSION, {**is_open, "mode": "setup"}, {**is_open, "livemode": True}, {})

    events = await _all(lists.open_sessions(0))

    assert [(event.object_id, event.fact.state, event.payment_ids) for event in events] == [
        (SESSION["id"], "open", ("payment_1",))
    ]
    assert [kind for kind, _ in unreadable] == [facts.SESSION]


async def test_events_of_others_are_listed_as_ignored() -> None:
    paid = json.loads(stripe_bodies.completed("p"))
    others = (paid | {"account": "acct_2"}, paid | {"context": "acct_2"}, paid | {"type": "customer.new"})

    events = await _all(_lists(*others, paid)[0].events(0))

    assert [event.reason for event in events if isinstance(event, Ignored)] == ["other_account"] * 2 + ["unused_type"]
    assert [event.id for event in events if isinstance(event, PaymentEvent)] == [paid["id"]]


@pytest.mark.parametrize(
    "fields", [{"mode": "setup"}, {"livemode": True}, {"status": "open"}], ids=["mode", "livemode", "open"]
)
async def test_some_sessions_report_nothing(fields: dict[str, object]) -> None:
    assert await _sessions(SESSION | fields) == []


async def test_a_fact_from_a_list_names_its_object_and_state() -> None:
    (refund,) = await _all(_lists(REFUND)[0].objects(facts.REFUND, 0))

    assert (refund.id, refund.type, refund.created) == ("re_a:failed", "refund", 7)
    assert refund.intent_ids == ("pi_a",)


async def test_an_expanded_payment_intent_has_a_fact_of_its_own() -> None:
    events = await _sessions(SESSION | {"status": "open", "payment_intent": DECLINED_INTENT})

    assert [(event.id, event.type, event.session_id) for event in events] == [
        ("pi_a:declined", "payment_intent", "cs_test_a")
    ]


async def test_a_lone_surrogate_does_not_stop_a_list() -> None:
    sessions = await _sessions(SESSION | {"customer_details": {"name": "\ud83d"}}, SESSION)

    assert len(sessions) == 2


async def test_unreadable_objects_are_reported_and_skipped() -> None:
    lists, unreadable = _lists({"id": "cs_1"}, SESSION)

    events = await _all(lists.objects(facts.SESSION, 0, 1))

    assert [event.payment_ids for event in events] == [("payment_1",)]
    assert unreadable == [("checkout.session", "ValidationError")]


async def test_the_sessions_of_a_payment_intent_are_found() -> None:
    (event,) = await _lists(SESSION)[0].objects_of_intent(facts.SESSION, "pi_a")

    assert (event.object_id, event.intent_ids) == ("cs_test_a", ("pi_a",))
    assert await _lists()[0].objects_of_intent(facts.SESSION, "pi_a") == []


@pytest.mark.parametrize(
    ("response", "ids"),
    [(Response(body=SESSION), ["cs_test_a"]), (Response(404, {"error": {"code": "resource_missing"}}), [])],
    ids=["found", "missing"],
)
async def test_one_session_is_read(response: Response, ids: list[str]) -> None:
    stripe = ScriptedStripe(response)

    events = await StripeLists(SETTINGS, stripe.reader(), lambda *_: None).session("cs_test_a")

    assert [event.object_id for event in events] == ids
    assert stripe.requests == [{"expand[0]": "payment_intent"}]


async def test_a_time_range_is_sent_to_stripe() -> None:
    stripe = ScriptedStripe(Response(body={"data": [], "has_more": False}))
    lists = StripeLists(SETTINGS, stripe.reader(), lambda *_: None)

    await _all(lists.events(5, 9, ["charge.refunded"], undelivered=True))

    expected = {"created[gte]": "5", "created[lte]": "9", "types[0]": "charge.refunded", "delivery_success": "false"}
    assert expected.items() <= stripe.requests[0].items()
