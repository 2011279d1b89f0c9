"""Compares the shapes with the official package of the same API version."""

import typing
from typing import Any

import pytest
import stripe

from stripe_emulator.reference import shapes

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
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
    "setup_intent": stripe.SetupIntent,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


def published(kind: str) -> dict[str, Any]:
    """Return the fields of the official class, without inherited ones."""
    return {name: hint for name, hint in OFFICIAL[kind].__annotations__.items() if name.islower() and name[0] != "_"}


def test_every_kind_is_compared() -> None:
    assert shapes.SHAPES.keys() == OFFICIAL.keys()
    assert shapes.PREFIXES.keys() == OFFICIAL.keys()


def test_the_api_version_is_the_one_of_the_official_package() -> None:
    assert stripe.api_version == shapes.API_VERSION


@pytest.mark.parametrize("kind", OFFICIAL)
def test_every_field_is_published(kind: str) -> None:
    assert {"id", *shapes.SHAPES[kind]} - published(kind).keys() == set()


@pytest.mark.parametrize("kind", OFFICIAL)
def test_every_required_field_is_present(kind: str) -> None:
    required = {name for name, hint in published(kind).items() if type(None) not in typing.get_args(hint)}

    assert required - {"id", *shapes.SHAPES[kind]} == set()


@pytest.mark.parametrize("kind", OFFICIAL)
def test_the_object_field_is_the_published_one(kind: str) -> None:
    hint = published(kind)["object"]

    assert shapes.SHAPES[kind]["object"] in typing.get_args(hint) or shapes.SHAPES[kind]["object"] in str(hint)
