"""The shapes agree with the official package's types for the same API version."""

import typing
from typing import Any

import pytest
import stripe

from stripe_emulator.reference import cards
from stripe_emulator.state import objects

OFFICIAL: dict[str, type] = {
    "product": stripe.Product,
    "price": stripe.Price,
    "customer": stripe.Customer,
    "checkout.session": stripe.checkout.Session,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


def published(kind: str) -> dict[str, Any]:
    """The fields of the official class, without those of its ancestors."""
    return {name: hint for name, hint in OFFICIAL[kind].__annotations__.items() if name.islower() and name[0] != "_"}


def test_every_kind_is_compared() -> None:
    assert objects.SHAPES.keys() == OFFICIAL.keys()
    assert objects.PREFIXES.keys() == OFFICIAL.keys()


def test_the_version_is_the_official_package_s() -> None:
    assert stripe.api_version == objects.API_VERSION


@pytest.mark.parametrize("kind", OFFICIAL)
def test_no_field_is_invented(kind: str) -> None:
    assert objects.make(kind).keys() - published(kind).keys() == set()


@pytest.mark.parametrize("kind", OFFICIAL)
def test_no_field_that_must_be_there_is_left_out(kind: str) -> None:
    required = {name for name, hint in published(kind).items() if type(None) not in typing.get_args(hint)}

    assert required - objects.make(kind).keys() == set()


@pytest.mark.parametrize("kind", OFFICIAL)
def test_the_kind_says_its_own_name(kind: str) -> None:
    hint = published(kind)["object"]

    assert objects.make(kind)["object"] in typing.get_args(hint) or objects.make(kind)["object"] in str(hint)


def test_an_unpublished_field_is_refused() -> None:
    with pytest.raises(ValueError, match="no field colour"):
        objects.make("product", colour="red")


def test_two_objects_share_nothing() -> None:
    one, other = objects.make("payment_intent"), objects.make("payment_intent")
    one["metadata"]["a"] = "b"

    assert other["metadata"] == {}
    assert one["id"] != other["id"]


@pytest.mark.parametrize("charged", [True, False], ids=["charged", "kept"])
def test_a_card_is_shown_by_its_last_digits_only(charged: bool) -> None:  # noqa: FBT001  # a row of the table above
    shown = objects.method_details(cards.CARDS["mastercard"], charged=charged)

    assert shown["card"]["last4"] == "4444"
    assert cards.CARDS["mastercard"].number not in str(shown)
