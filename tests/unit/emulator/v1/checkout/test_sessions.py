"""Tests checkout sessions through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import catalog
from stripe_emulator.v1.checkout import sessions

MakeCall = Callable[..., ApiCall]
Json = dict[str, Any]


def price(**changes: Any) -> Json:
    return {"currency": "sgd", "unit_amount": 12000, "product_data": {"name": "Policy"}} | changes


def test_a_new_session_waits_on_its_page(account: Account, call: MakeCall, session_params: Json) -> None:
    session = sessions.create(
        account, call(**session_params, client_reference_id="payment_1", metadata={"quote_id": "q_1"})
    )

    assert (session["status"], session["payment_status"], session["payment_intent"]) == ("open", "unpaid", None)
    assert (session["amount_total"], session["currency"]) == (12000, "sgd")
    assert session["url"] == f"http://localhost:8087/c/pay/{session['id']}"
    assert session["expires_at"] == account.now() + 24 * 3600
    assert (session["client_reference_id"], session["metadata"]) == ("payment_1", {"quote_id": "q_1"})


def test_the_total_is_the_sum_of_its_lines(account: Account, call: MakeCall, session_params: Json) -> None:
    lines = [{"price_data": price(), "quantity": 2}, {"price_data": price(unit_amount=50), "quantity": 3}]

    assert sessions.create(account, call(**session_params | {"line_items": lines}))["amount_total"] == 24150


def test_a_free_order_needs_no_payment(account: Account, call: MakeCall, session_params: Json) -> None:
    lines = [{"price_data": price(unit_amount=0), "quantity": 1}]

    session = sessions.create(account, call(**session_params | {"line_items": lines}))

    assert session["payment_status"] == "no_payment_required"


@pytest.mark.parametrize("seconds", [30 * 60, 24 * 3600], ids=["30 minutes", "24 hours"])
def test_a_session_expires_after_30_minutes_to_24_hours(
    account: Account, call: MakeCall, session_params: Json, seconds: int
) -> None:
    session = sessions.create(account, call(**session_params, expires_at=account.now() + seconds))

    assert session["expires_at"] == account.now() + seconds


def test_an_inactive_price_cannot_be_paid(account: Account, call: MakeCall, session_params: Json) -> None:
    price = catalog.create_price(account, call(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))
    catalog.update_price(account, call(price["id"], active=False))

    with pytest.raises(StripeApiError, match="inactive"):
        sessions.create(account, call(**session_params | {"line_items": [{"price": price["id"], "quantity": 1}]}))


def test_line_items_are_listed_by_page(account: Account, call: MakeCall, session_params: Json) -> None:
    lines = [{"price_data": price(), "quantity": number} for number in (1, 2, 3)]
    session = sessions.create(account, call(**session_params | {"line_items": lines}))
    page = sessions.line_items(account, call(session["id"], limit=2))

    assert ([item["quantity"] for item in page["data"]], page["has_more"]) == ([1, 2], True)


def test_sessions_are_listed_by_status(account: Account, call: MakeCall, session: Json) -> None:
    sessions.expire(account, call(session["id"]))

    assert sessions.list_all(account, call(status="expired"))["data"] == [session]
    assert sessions.list_all(account, call(status="open"))["data"] == []


NOW = 1_800_000_000
BARE = {"price_data": price()}
WRONG: dict[str, tuple[Json, str | None, str]] = {
    "no mode": ({"mode": ""}, "parameter_missing", "mode"),
    "unknown mode": ({"mode": "gift"}, None, "mode"),
    "subscription without a recurring price": ({"mode": "subscription"}, None, "line_items"),
    "subscription with another mode's branch": (
        {"mode": "subscription", "payment_intent_data": {"description": "Policy"}},
        None,
        "payment_intent_data",
    ),
    "payment with another mode's branch": ({"subscription_data": {"description": "Policy"}}, None, "subscription_data"),
    "setup with line items": ({"mode": "setup", "currency": "sgd"}, None, "line_items"),
    "setup without a currency": ({"mode": "setup", "line_items": ""}, "parameter_missing", "currency"),
    "recovery without a choice": (
        {"after_expiration": {"recovery": {"allow_promotion_codes": True}}},
        "parameter_missing",
        "after_expiration[recovery][enabled]",
    ),
    "embedded": ({"ui_mode": "embedded_page"}, None, "ui_mode"),
    "no lines": ({"line_items": ""}, "parameter_missing", "line_items"),
    "no quantity": ({"line_items": [BARE]}, "parameter_missing", "line_items[0][quantity]"),
    "quantity zero": ({"line_items": [BARE | {"quantity": 0}]}, "parameter_invalid_integer", "line_items[0][quantity]"),
    "no price": ({"line_items": [{"quantity": 1}]}, None, "line_items[0][price]"),
    "two prices": ({"line_items": [BARE | {"price": "price_1", "quantity": 1}]}, None, "line_items[0][price]"),
    "unknown price": (
        {"line_items": [{"price": "price_1", "quantity": 1}]},
        "resource_missing",
        "line_items[0][price]",
    ),
    "no amount": (
        {"line_items": [{"price_data": price(unit_amount=""), "quantity": 1}]},
        "parameter_missing",
        "line_items[0][price_data][unit_amount]",
    ),
    "negative amount": (
        {"line_items": [{"price_data": price(unit_amount=-1), "quantity": 1}]},
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    "recurring": (
        {"line_items": [{"price_data": price(recurring={"interval": "month"}), "quantity": 1}]},
        "resource_invalid",
        "line_items[0][price]",
    ),
    "unknown currency": (
        {"line_items": [{"price_data": price(currency="abc"), "quantity": 1}]},
        None,
        "line_items[0][price_data][currency]",
    ),
    "two currencies": (
        {"line_items": [BARE | {"quantity": 1}, {"price_data": price(currency="usd"), "quantity": 1}]},
        None,
        "line_items",
    ),
    "too little": (
        {"line_items": [{"price_data": price(unit_amount=49), "quantity": 1}]},
        "amount_too_small",
        "line_items",
    ),
    "101 lines": ({"line_items": [BARE | {"quantity": 1}] * 101}, None, "line_items"),
    "no success_url": ({"success_url": ""}, "parameter_missing", "success_url"),
    "relative success_url": ({"success_url": "/success"}, "url_invalid", "success_url"),
    "relative cancel_url": ({"cancel_url": "cancel"}, "url_invalid", "cancel_url"),
    "too short a life": ({"expires_at": NOW + 1799}, None, "expires_at"),
    "too long a life": ({"expires_at": NOW + 86401}, None, "expires_at"),
    "long reference": ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
    "long metadata": ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    "unknown customer": ({"customer": "cus_1"}, "resource_missing", "customer"),
    "customer twice": ({"customer": "cus_1", "customer_email": "a@b.test"}, None, "customer_email"),
    "unknown method": ({"payment_method_types": ["barter"]}, None, "payment_method_types[0]"),
    "misspelled": ({"sucess_url": "https://merchant.test"}, "parameter_unknown", "sucess_url"),
    "misspelled inside": (
        {"payment_intent_data": {"metdata": {"a": "b"}}},
        "parameter_unknown",
        "payment_intent_data[metdata]",
    ),
    "taxes": ({"automatic_tax": {"enabled": True}}, None, "automatic_tax[enabled]"),
    "manual capture": (
        {"payment_intent_data": {"capture_method": "manual"}},
        None,
        "payment_intent_data[capture_method]",
    ),
}


@pytest.mark.parametrize(("changes", "code", "param"), WRONG.values(), ids=WRONG)
def test_an_invalid_session_names_its_parameter(
    account: Account, call: MakeCall, session_params: Json, changes: Json, code: str | None, param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        sessions.create(account, call(**session_params | changes))

    assert (error_info.value.code, error_info.value.param) == (code, param)
    assert list(account.store.oldest_first("checkout.session")) == []


@pytest.mark.parametrize("ahead", [60, 82_800, 86_400, 30 * 86_400])
@pytest.mark.parametrize("life", [1800, 82_800, 86_400])
def test_the_end_is_counted_from_the_callers_time(
    account: Account, call: MakeCall, session_params: Json, ahead: int, life: int
) -> None:
    account.clock.advance(ahead)

    session = sessions.create(account, call(**session_params, expires_at=NOW + life))

    assert (session["created"], session["expires_at"]) == (NOW + ahead, NOW + ahead + life)


@pytest.mark.parametrize("ahead", [60, 82_800, 86_400, 30 * 86_400])
@pytest.mark.parametrize("life", [1799, 86_401])
def test_the_limits_of_the_end_stay_after_an_advance(
    account: Account, call: MakeCall, session_params: Json, ahead: int, life: int
) -> None:
    account.clock.advance(ahead)

    with pytest.raises(StripeApiError) as error_info:
        sessions.create(account, call(**session_params, expires_at=NOW + life))

    assert error_info.value.param == "expires_at"


def test_an_update_merges_metadata(account: Account, call: MakeCall, session: Json) -> None:
    sessions.update(account, call(session["id"], metadata={"a": "1", "b": "2"}))
    sessions.update(account, call(session["id"], metadata={"a": ""}))

    assert sessions.retrieve(account, call(session["id"]))["metadata"] == {"b": "2"}


def test_a_session_can_belong_to_a_customer(account: Account, call: MakeCall, session_params: Json) -> None:
    customer = account.store.add(make("customer"))

    session = sessions.create(account, call(**session_params, customer=customer["id"]))

    assert session["customer"] == customer["id"]


def test_a_setup_session_has_a_setup_intent_and_no_amount(
    account: Account, call: MakeCall, session_params: Json, event_log: Any
) -> None:
    params = session_params | {"mode": "setup", "line_items": "", "currency": "sgd"}
    session = sessions.create(account, call(**params, setup_intent_data={"metadata": {"a": "b"}}))

    assert (session["amount_total"], session["payment_status"], session["currency"]) == (
        None,
        "no_payment_required",
        "sgd",
    )
    assert account.store.get("setup_intent", session["setup_intent"])["metadata"] == {"a": "b"}
    assert event_log.types == ["setup_intent.created"]


@pytest.mark.parametrize(("trial", "total", "status"), [(None, 12000, "unpaid"), (14, 0, "no_payment_required")])
def test_a_subscription_is_paid_at_once_or_after_its_trial(
    account: Account, call: MakeCall, session_params: Json, trial: int | None, total: int, status: str
) -> None:
    lines = [{"price_data": price(recurring={"interval": "month"}), "quantity": 1}]
    params = session_params | {"mode": "subscription", "line_items": lines}
    session = sessions.create(account, call(**params, subscription_data={"trial_period_days": trial} if trial else {}))

    assert (session["amount_total"], session["payment_status"]) == (total, status)
    assert session["payment_method_collection"] == "always"


def test_recovery_is_part_of_the_new_session(account: Account, call: MakeCall, session_params: Json) -> None:
    session = sessions.create(account, call(**session_params, after_expiration={"recovery": {"enabled": True}}))

    assert session["after_expiration"]["recovery"] == {
        "allow_promotion_codes": False,
        "enabled": True,
        "expires_at": None,
        "url": None,
    }
