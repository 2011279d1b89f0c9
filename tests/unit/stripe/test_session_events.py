import json
from typing import Any

import msgspec
import pytest

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe import session_events as sweep
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored
from tests.support import stripe_bodies

ERROR = {"code": "card_declined", "decline_code": "lost_card", "type": "card_error"}


def _listed(**fields: Any) -> msgspec.Raw:
    """A session as a list of Stripe's has it, its PaymentIntent expanded."""
    return msgspec.Raw(json.dumps(stripe_bodies.session("payment_1", created=1, livemode=False) | fields).encode())


def _intent(status: str, error: dict[str, str] | None = None) -> dict[str, Any]:
    return {"id": "pi_a", "object": "payment_intent", "status": status, "last_payment_error": error, "metadata": {}}


def _event(raw: msgspec.Raw, *, livemode: bool = False) -> PaymentEvent | Ignored | None:
    return sweep.event_of(raw, sweep.session_of(raw), livemode=livemode)


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
def test_a_session_tells_what_its_event_would_have(fields: dict[str, Any], fact: Fact) -> None:
    event = _event(_listed(**fields))

    assert isinstance(event, PaymentEvent)
    assert (event.fact, event.payment_id) == (fact, "payment_1")


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_intent": None},
        {"payment_intent": _intent("requires_payment_method")},
        {"payment_intent": "pi_a"},
    ],
)
def test_an_open_session_without_a_decline_has_no_news(fields: dict[str, Any]) -> None:
    assert _event(_listed(status="open", payment_status="unpaid", **fields)) is None


def test_it_differs_from_the_real_event_in_nothing_but_its_id_and_time() -> None:
    listed = _listed(payment_intent=_intent("succeeded") | {"id": "pi_a"})
    body = stripe_bodies.completed("payment_1", created=1)
    real = stripe_events.translate(body, livemode=False)

    swept = _event(listed)

    assert isinstance(real, PaymentEvent)
    assert isinstance(swept, PaymentEvent)
    assert msgspec.structs.replace(swept, id=real.id, created=real.created) == real


def test_the_same_session_makes_the_same_event() -> None:
    assert _event(_listed()) == _event(_listed())


def test_another_decline_of_one_intent_is_another_event() -> None:
    codes = [
        _intent("requires_payment_method", ERROR | {"decline_code": code}) for code in ("lost_card", "stolen_card")
    ]

    events = [_event(_listed(status="open", payment_status="unpaid", payment_intent=intent)) for intent in codes]

    assert len({event.id for event in events if event is not None}) == 2


def test_a_session_of_the_other_mode_is_left_alone() -> None:
    event = _event(_listed(), livemode=True)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.WRONG_MODE


def test_a_decline_finds_its_payment_by_the_session_s_metadata() -> None:
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
def test_what_is_no_session_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidPayloadError):
        sweep.session_of(msgspec.Raw(raw))
