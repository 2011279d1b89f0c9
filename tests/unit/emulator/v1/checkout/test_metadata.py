"""Tests that metadata is copied only where Stripe copies it."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import checkout, disputes, methods
from stripe_emulator.reference import cards
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import refunds
from stripe_emulator.v1.checkout import sessions

Json = dict[str, Any]


@pytest.fixture
def paid(account: Account, call: Callable[..., ApiCall], session_params: Json, event_log: Any) -> Any:
    """Return the events of a paid, refunded and disputed session with metadata of its own and of its intent."""
    session_params |= {"metadata": {"of": "session"}, "payment_intent_data": {"metadata": {"of": "intent"}}}
    session = sessions.create(account, call(**session_params))
    checkout.pay(account, session, methods.create(account, cards.CARDS["visa"]))
    refunds.create(account, call(payment_intent=session["payment_intent"], amount=100))
    disputes.open_dispute(account, account.store.get("payment_intent", session["payment_intent"]), "fraudulent")
    return event_log


@pytest.mark.parametrize(
    ("event_type", "metadata"),
    [
        ("checkout.session.completed", {"of": "session"}),
        ("payment_intent.succeeded", {"of": "intent"}),
        ("charge.succeeded", {"of": "intent"}),
        ("charge.refunded", {"of": "intent"}),
        ("refund.created", {}),
        ("charge.dispute.created", {}),
    ],
)
def test_each_object_has_its_own_metadata(paid: Any, event_type: str, metadata: Json) -> None:
    assert paid.last(event_type)["metadata"] == metadata


@pytest.mark.parametrize("event_type", ["refund.created", "charge.dispute.created"])
def test_objects_without_metadata_name_the_payment(paid: Any, event_type: str) -> None:
    thing, intent = paid.last(event_type), paid.last("payment_intent.succeeded")

    assert (thing["payment_intent"], thing["charge"]) == (intent["id"], intent["latest_charge"])
