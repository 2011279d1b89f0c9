"""Defines the parameters of checkout sessions."""

from typing import Annotated, Any, Literal

from pydantic import Field

from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import (
    Currency,
    Flag,
    Integer,
    MetadataParameters,
    Parameters,
    Text,
    Url,
    form_list,
)
from stripe_emulator.reference.cards import DelayedKind, InstantKind
from stripe_emulator.reference.shapes import Json
from stripe_emulator.v1.catalog import CreatePrice

MAX_REFERENCE = 200


class LineItem(Parameters):
    """One row of `line_items`."""

    price: Text | None = None
    price_data: CreatePrice | None = None
    quantity: Annotated[Integer, Field(ge=1)]


class IntentFields(MetadataParameters):
    """The branch `payment_intent_data`: fields of the PaymentIntent that the session creates."""

    description: Text | None = None
    receipt_email: Text | None = None
    statement_descriptor: Text | None = None
    statement_descriptor_suffix: Text | None = None
    shipping: Any = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    capture_method: Literal["automatic", "automatic_async"] | None = None


class SetupFields(MetadataParameters):
    """The branch `setup_intent_data`: fields of the SetupIntent that the session creates."""

    description: Text | None = None


class SubscriptionFields(MetadataParameters):
    """The branch `subscription_data`: fields of the subscription that the session creates."""

    description: Text | None = None
    trial_period_days: Annotated[Integer, Field(ge=1)] | None = None


class Feature(Parameters):
    """A feature that can be enabled at Stripe."""

    enabled: Flag | None = None


class Recovery(Parameters):
    """The branch `after_expiration[recovery]`."""

    enabled: Flag
    allow_promotion_codes: Flag | None = None


class AfterExpiration(Parameters):
    """The branch `after_expiration`."""

    recovery: Recovery | None = None


class CreateSession(MetadataParameters):
    """The parameters of a new session."""

    mode: Literal["payment", "subscription", "setup"]
    ui_mode: Text | None = None
    automatic_tax: Feature | None = None
    phone_number_collection: Feature | None = None
    adaptive_pricing: Feature | None = None
    invoice_creation: Feature | None = None
    line_items: Annotated[list[LineItem], form_list(dict)] | None = None
    payment_intent_data: IntentFields | None = None
    setup_intent_data: SetupFields | None = None
    subscription_data: SubscriptionFields | None = None
    after_expiration: AfterExpiration | None = None
    cancel_url: Url | None = None
    client_reference_id: Annotated[str, Field(max_length=MAX_REFERENCE)] | None = None
    currency: Currency | None = None
    customer: Text | None = None
    expires_at: Integer | None = None
    payment_method_options: Any = None
    payment_method_types: Annotated[list[Literal[InstantKind, DelayedKind]], form_list(str)] | None = None
    success_url: Url
    billing_address_collection: Text | None = None
    locale: Text | None = None
    submit_type: Text | None = None
    customer_email: Text | None = None
    integration_identifier: Text | None = None


class CustomerDetails(Parameters):
    """The branch `customer_details` of the filters."""

    email: Text


class ListSessions(ListParameters):
    """The filters of the list of sessions."""

    customer: Text | None = None
    customer_details: CustomerDetails | None = None
    payment_intent: Text | None = None
    subscription: Text | None = None
    status: Literal["open", "complete", "expired"] | None = None

    def matches(self, thing: Json) -> bool:
        """Return whether a session passes all filters."""
        if self.customer_details is None:
            return super().matches(thing)
        is_email = (thing["customer_details"] or {}).get("email") == self.customer_details.email
        return is_email and self.model_copy(update={"customer_details": None}).matches(thing)
