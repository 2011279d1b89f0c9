"""An emulator's account without a server: its clock stands still, and what it emits is kept in a list."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from stripe._encode import _api_encode

from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.forms import parse
from stripe_emulator.calls.params import Params
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account, Clock
from stripe_emulator.v1 import sessions

Ask = Callable[..., Call]
NOON = 1_800_000_000


class Emitted(list[dict[str, Any]]):
    """The events of a account, oldest first."""

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [event["type"] for event in self]

    def last(self, event_type: str) -> dict[str, Any]:
        """The object of the newest event of a type."""
        return next(event["data"]["object"] for event in reversed(self) if event["type"] == event_type)


@pytest.fixture
def emitted() -> Emitted:
    return Emitted()


@pytest.fixture
def account(emitted: Emitted) -> Account:
    return Account(Settings(), lambda event, _endpoints: emitted.append(event), Clock(read=lambda: NOON))


@pytest.fixture
def ask() -> Ask:
    """A call with these parameters, encoded by the official package and read back."""

    def encode(object_id: str = "", /, **params: Any) -> Call:
        return Call("/v1/things", Params(parse(urlencode(list(_api_encode(params))))), object_id)

    return encode


@pytest.fixture
def wanted() -> dict[str, Any]:
    """The parameters of an ordinary checkout session."""
    product = {"currency": "sgd", "unit_amount": 12000, "product_data": {"name": "Travel insurance"}}
    return {
        "mode": "payment",
        "success_url": "https://merchant.test/success?session_id={CHECKOUT_SESSION_ID}",
        "line_items": [{"price_data": product, "quantity": 1}],
    }


@pytest.fixture
def session(account: Account, ask: Ask, wanted: dict[str, Any], emitted: Emitted) -> dict[str, Any]:
    created = sessions.create(account, ask(**wanted))
    emitted.clear()
    return created
