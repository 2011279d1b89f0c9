"""Tests early fraud warnings through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import early_fraud_warnings as life_cycle
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import early_fraud_warnings

Json = dict[str, Any]
MakeCall = Callable[..., ApiCall]


@pytest.fixture
def warning(account: Account, paid_intent: Callable[[], Json]) -> Json:
    return life_cycle.create(account, paid_intent(), "misc")


def test_warnings_are_listed_by_payment_and_time(account: Account, call: MakeCall, warning: Json) -> None:
    matches = [
        {"payment_intent": warning["payment_intent"]},
        {"charge": warning["charge"]},
        {"created": {"gte": warning["created"]}},
    ]
    for params in matches:
        assert early_fraud_warnings.list_all(account, call(**params))["data"] == [warning]
    for params in ({"charge": "ch_1"}, {"created": {"gt": warning["created"]}}):
        assert early_fraud_warnings.list_all(account, call(**params))["data"] == []


def test_a_warning_is_retrieved(account: Account, call: MakeCall, warning: Json) -> None:
    assert early_fraud_warnings.retrieve(account, call(warning["id"])) is warning
    with pytest.raises(StripeApiError, match="No such"):
        early_fraud_warnings.retrieve(account, call("issfr_1"))
