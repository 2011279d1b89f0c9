import json
from typing import Any

import msgspec
import pytest

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe import session_events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored
from tests.support import stripe_bodies

ERROR = {"code": "card_declined", "decline_code": "lost_card", "type": "card_error"}


def _listed(**fields: Any) -> msgspec.Raw:
    """Returns a session as Stripe lists it."""
    return msgspec.Raw(json.dumps(stripe_bodies.session("payment_1", created=1, livemode=False) | fields).encode())


def _intent(status: str, error: dict[str, str] | None = None) -> dict[str, Any]:
    return {"id": "pi_a", "object": "payment_intent", "status": status, "last_payment_error": error, "metadata": {}}


def _event(raw: msgspec.Raw, *, livemode: bool = False) -> PaymentEvent | Ignored | None:
    return session_events.event_of(raw, session_events.session_of(raw), livemode=livemode)


@pytest.mark.parametrize(
    ("fields", "fact"),
    [
        ({}, Fact.PAID),
        ({"payment_status": "no_payment_required", "payment_intent": None}, Fact.PAID),
        ({"payment_intent": _intent("succeeded")}, Fact.PAID),
        ({"payment_status": "unpaid", "payment_intent": _intent("processing")}, Fact.AWAITING_FUNDS),
        ({"payment_status": "unpaid", "payment_intent": _intent("requires_action")}, Fact.AWAITING_FUNDS),
        ({"payment_status": "unpaid", "payment_intent": _intent("requires_payment_method", ERROR)}, Fact.ASYNC_FAILED),
        ({"payment_status": "unpaid", "payment_intent": _intent("canceled")}, Fact.ASYNC_FAILED),
        ({"status": "expired", "payment_status": "unpaid", "payment_intent": None}, Fact.SESSION_EXPIRED),
        ({"status": "expired", "payment_status": "no_payment_required"}, Fact.SESSION_EXPIRED),
        (
            {
                "status": "open",
                "payment_status": "unpaid",
                "payment_intent": _intent("requires_payment_method", ERROR),
            },
            Fact.DECLINED,
        ),
    ],
)
def test_a_session_gives_the_event_of_its_state(fields: dict[str, Any], fact: Fact) -> None:
    event = _event(_listed(**fields))

    assert isinstance(event, PaymentEvent)
    assert (event.fact, event.payment_id) == (fact, "payment_1")


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_intent": None},
        {"payment_intent": _intent("requires_payment_method")},
        {"payment_intent": "pi_a"},
        {"mode": "subscription", "payment_intent": _intent("requires_payment_method", ERROR)},
    ],
)
def test_an_open_session_without_a_decline_has_no_event(fields: dict[str, Any]) -> None:
    assert _event(_listed(status="open", payment_status="unpaid", **fields)) is None


def test_only_id_and_time_differ_from_the_real_event() -> None:
    listed = _listed(payment_intent=_intent("succeeded") | {"id": "pi_a"})
    body = stripe_bodies.completed("payment_1", created=1)
    real = stripe_events.translate(body, livemode=False)

    derived = _event(listed)

    assert isinstance(real, PaymentEvent)
    assert isinstance(derived, PaymentEvent)
    assert msgspec.structs.replace(derived, id=real.id, created=real.created) == real


def test_the_same_session_gives_the_same_event() -> None:
    assert _event(_listed()) == _event(_listed())


def test_each_decline_of_an_intent_is_another_event() -> None:
    codes = [
        _intent("requires_payment_method", ERROR | {"decline_code": code}) for code in ("lost_card", "stolen_card")
    ]

    events = [_event(_listed(status="open", payment_status="unpaid", payment_intent=intent)) for intent in codes]

    assert len({event.id for event in events if event is not None}) == 2


def test_a_session_of_the_other_mode_is_ignored() -> None:
    event = _event(_listed(), livemode=True)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.WRONG_MODE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mode": "setup", "payment_status": "no_payment_required"}, "session_mode:setup"),
        ({"mode": "subscription", "status": "expired"}, "session_mode:subscription"),
        ({"payment_status": "partially_paid"}, "unknown_payment_status:partially_paid"),
        ({"payment_status": None}, "unknown_payment_status"),
    ],
)
def test_a_session_that_is_no_known_payment_is_ignored(fields: dict[str, Any], reason: str) -> None:
    event = _event(_listed(**fields))

    assert isinstance(event, Ignored)
    assert event.reason == reason


def test_a_decline_takes_the_payment_id_from_the_session() -> None:
    raw = _listed(
        status="open",
        client_reference_id=None,
        metadata={"payment_intent_id": "payment_9"},
        payment_intent=_intent("requires_payment_method", ERROR),
    )

    event = _event(raw)

    assert isinstance(event, PaymentEvent)
    assert (event.payment_id, event.reason) == ("payment_9", "card_declined:lost_card")


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"id": "cs_1", "object": "refund"}', b'"\xff"'])
def test_an_object_that_is_not_a_session_is_rejected(raw: bytes) -> None:
    with pytest.raises(InvalidPayloadError):
        session_events.session_of(msgspec.Raw(raw))


def test_a_decline_in_the_other_mode_is_ignored() -> None:
    declined = _intent("requires_payment_method", ERROR)

    event = _event(_listed(status="open", payment_status="unpaid", payment_intent=declined), livemode=True)

    assert isinstance(event, Ignored)


@pytest.mark.parametrize("intent", ["pi_a", {"id": "pi_a", "object": "payment_intent"}], ids=["id", "expanded"])
def test_a_session_has_the_id_of_its_payment_intent(intent: Any) -> None:
    assert session_events.session_of(_listed(payment_intent=intent)).intent_id == "pi_a"
