"""Tests payment methods through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import customers, payment_methods

MakeCall = Callable[..., ApiCall]
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}


def test_a_method_does_not_contain_the_card_number(account: Account, call: MakeCall) -> None:
    billing = {"email": "customer@example.test", "address": {"country": "SG"}}
    method = payment_methods.create(account, call(type="card", card=CARD, billing_details=billing))

    assert (method["card"]["brand"], method["card"]["last4"]) == ("visa", "4242")
    assert method["billing_details"]["email"] == "customer@example.test"
    assert method["billing_details"]["address"]["country"] == "SG"
    assert "4242424242424242" not in str(method)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 2026}, "invalid_expiry_year"),
        ({"exp_year": 26}, "invalid_expiry_year"),
    ],
)
def test_an_invalid_card_is_refused(account: Account, call: MakeCall, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment_methods.create(account, call(type="card", card=CARD | changes))

    assert (error_info.value.status, error_info.value.kind, error_info.value.code) == (402, "card_error", code)


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({"type": "sepa_debit", "sepa_debit": {"iban": "AT611904300234573201"}}, "succeeded"),
        ({"type": "sepa_debit", "sepa_debit": {"iban": "AT86 1904 3002 3547 3202"}}, "failed"),
        ({"type": "bacs_debit", "bacs_debit": {"account_number": "00012345", "sort_code": "108800"}}, "succeeded"),
    ],
    ids=["a good iban", "a bad iban", "a british account"],
)
def test_a_bank_account_settles_later(account: Account, call: MakeCall, params: dict[str, Any], result: str) -> None:
    instrument = account.store.instruments[payment_methods.create(account, call(**params))["id"]]

    assert instrument.settles is not None
    assert instrument.settles.result == result


def test_an_unknown_type_is_refused(account: Account, call: MakeCall) -> None:
    with pytest.raises(StripeApiError, match="this emulator supports card"):
        payment_methods.create(account, call(type="crypto"))


def test_a_method_is_attached_and_detached(account: Account, call: MakeCall, event_log: Any) -> None:
    customer = customers.create(account, call(email="customer@example.test"))
    method = payment_methods.create(account, call(type="card", card=CARD))
    payment_methods.attach(account, call(method["id"], customer=customer["id"]))
    listed = payment_methods.list_all(account, call(customer["id"]))["data"]
    payment_methods.detach(account, call(method["id"]))

    assert listed == [method]
    assert event_log.types[-2:] == ["payment_method.attached", "payment_method.detached"]
    with pytest.raises(StripeApiError, match="not attached"):
        payment_methods.detach(account, call(method["id"]))


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({}, "parameter_missing", "type"),
        ({"type": "card"}, "parameter_missing", "card[number]"),
        ({"type": "card", "card": {"exp_month": 12, "exp_year": 2034}}, "parameter_missing", "card[number]"),
        ({"type": "card", "card": {"number": "4242424242424242"}}, "parameter_missing", "card[exp_month]"),
        ({"type": "card", "card": {"token": "tok_1"}}, "resource_missing", "card[token]"),
        ({"type": "card", "card": CARD, "sepa_debit": {"iban": "AT1"}}, "parameter_unknown", "sepa_debit"),
        ({"type": "sepa_debit", "sepa_debit": {"iban": ""}}, "parameter_missing", "sepa_debit[iban]"),
    ],
)
def test_an_incomplete_method_is_refused(
    account: Account, call: MakeCall, params: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment_methods.create(account, call(**params))

    assert (error_info.value.code, error_info.value.param) == (code, param)


def test_a_token_names_a_test_card(account: Account, call: MakeCall) -> None:
    method = payment_methods.create(account, call(type="card", card={"token": "tok_mastercard"}))

    assert method["card"]["brand"] == "mastercard"


def test_methods_are_listed_by_customer(account: Account, call: MakeCall) -> None:
    method = payment_methods.create(account, call(type="card", card=CARD))
    method["customer"] = "cus_1"

    assert payment_methods.list_all(account, call(customer="cus_1"))["data"] == [method]
    assert payment_methods.list_all(account, call(customer="cus_2"))["data"] == []
    assert payment_methods.retrieve(account, call(method["id"])) is method
