"""Fixtures of an account without a server, with a fixed clock and a list of its events."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from stripe._encode import _api_encode

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.forms import parse
from stripe_emulator.payments import charges, methods
from stripe_emulator.reference import cards
from stripe_emulator.settings import VARIABLES, Settings
from stripe_emulator.state.account import Account, Clock
from stripe_emulator.v1.checkout import sessions

MakeCall = Callable[..., ApiCall]
NOON = 1_800_000_000


class EventLog(list[dict[str, Any]]):
    """The events of an account, oldest first."""

    @property
    def types(self) -> list[str]:
        """Return their types."""
        return [event["type"] for event in self]

    def last(self, event_type: str) -> dict[str, Any]:
        """Return the object of the newest event of a type."""
        return next(event["data"]["object"] for event in reversed(self) if event["type"] == event_type)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def event_log() -> EventLog:
    return EventLog()


@pytest.fixture
def account(event_log: EventLog) -> Account:
    return Account(Settings(), lambda event, _endpoints: event_log.append(event), Clock(read=lambda: NOON))


@pytest.fixture
def call() -> MakeCall:
    """Return a function that makes a call with these parameters, encoded by the official package."""

    def encode(object_id: str = "", /, **params: Any) -> ApiCall:
        return ApiCall("/v1/things", parse(urlencode(list(_api_encode(params)))), object_id)

    return encode


@pytest.fixture
def session_params() -> dict[str, Any]:
    """Return the parameters of an ordinary checkout session."""
    product = {"currency": "sgd", "unit_amount": 12000, "product_data": {"name": "Travel insurance"}}
    return {
        "mode": "payment",
        "success_url": "https://merchant.test/success?session_id={CHECKOUT_SESSION_ID}",
        "line_items": [{"price_data": product, "quantity": 1}],
    }


@pytest.fixture
def session(account: Account, call: MakeCall, session_params: dict[str, Any], event_log: EventLog) -> dict[str, Any]:
    created = sessions.create(account, call(**session_params))
    event_log.clear()
    return created


@pytest.fixture
def paid_intent(account: Account) -> Callable[[str], dict[str, Any]]:
    """Return a function that creates a PaymentIntent and charges a test card for it."""

    def pay(card: str = "visa") -> dict[str, Any]:
        intent = charges.new_intent(account, 12000, "sgd", payment_method_types=["card"])
        charges.attempt(account, intent, methods.create(account, cards.CARDS[card]))
        return intent

    return pay
