"""Metadata goes exactly where Stripe lets it go."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.calls import Call
from stripe_emulator.payments import charging, checkout
from stripe_emulator.reference import cards
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes, refunds, sessions

Json = dict[str, Any]


@pytest.fixture
def paid(account: Account, ask: Callable[..., Call], wanted: Json, emitted: Any) -> Any:
    """The events of a paid, refunded and disputed session with metadata in both places."""
    wanted |= {"metadata": {"of": "session"}, "payment_intent_data": {"metadata": {"of": "intent"}}}
    session = sessions.create(account, ask(**wanted))
    checkout.pay(account, session, charging.new_method(account, cards.CARDS["visa"]))
    refunds.create(account, ask(payment_intent=session["payment_intent"], amount=100))
    disputes.open_dispute(account, account.store.get("payment_intent", session["payment_intent"]), "fraudulent")
    return emitted


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
def test_each_object_has_its_own(paid: Any, event_type: str, metadata: Json) -> None:
    assert paid.last(event_type)["metadata"] == metadata


@pytest.mark.parametrize("event_type", ["refund.created", "charge.dispute.created"])
def test_what_has_none_names_the_payment(paid: Any, event_type: str) -> None:
    thing, intent = paid.last(event_type), paid.last("payment_intent.succeeded")

    assert (thing["payment_intent"], thing["charge"]) == (intent["id"], intent["latest_charge"])
