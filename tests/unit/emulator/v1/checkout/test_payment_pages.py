"""Tests the calls with which the official CLI pays a session."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1.checkout import payment_pages

Json = dict[str, Any]
MakeCall = Callable[..., ApiCall]


def test_a_page_shows_the_session(account: Account, call: MakeCall, session: Json) -> None:
    page = payment_pages.retrieve(account, call(session["id"]))

    assert (page["object"], page["session_id"], page["amount"]) == ("payment_page", session["id"], 12000)
    assert page["line_items"]["data"][0]["description"] == "Travel insurance"


def test_a_confirmation_pays_the_session(account: Account, call: MakeCall, session: Json) -> None:
    params = {"payment_method": "pm_card_visa", "expected_amount": 12000}

    assert payment_pages.confirm(account, call(session["id"], **params))["payment_status"] == "paid"


def test_another_amount_is_refused(account: Account, call: MakeCall, session: Json) -> None:
    with pytest.raises(StripeApiError, match="not what you expected"):
        payment_pages.confirm(account, call(session["id"], payment_method="pm_card_visa", expected_amount=1))

    assert session["status"] == "open"


def test_a_decline_is_a_card_error(account: Account, call: MakeCall, session: Json) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment_pages.confirm(account, call(session["id"], payment_method="pm_card_chargeDeclined"))

    assert (error_info.value.status, error_info.value.code) == (402, "card_declined")
