"""Serves `/v1/payment_intents` and `/v1/charges`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import (
    Currency,
    Flag,
    Integer,
    MetadataParameters,
    NoParameters,
    Parameters,
    Text,
    Texts,
    Url,
)
from stripe_emulator.payments import authentication, charges, disputes, early_fraud_warnings, methods
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.cards import DELAYED_KINDS, INSTANT_KINDS
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account

Amount = Annotated[Integer, Field(ge=1)]
CHANGEABLE = (
    *("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix"),
    *("shipping", "setup_future_usage"),
)


class AutomaticMethods(Parameters):
    """The branch `automatic_payment_methods`."""

    enabled: Flag | None = None
    allow_redirects: Literal["always", "never"] | None = None


class Confirmation(Parameters):
    """Parameters of a confirmation: the payment method, and whether and how the customer can authenticate."""

    payment_method: Text | None = None
    return_url: Url | None = None
    payment_method_options: Any = None
    mandate_data: Any = None
    off_session: Flag | None = None
    error_on_requires_action: Flag | None = None
    confirmation_method: Literal["automatic", "manual"] | None = None


class UpdateIntent(MetadataParameters):
    """The parameters that can be changed."""

    amount: Amount | None = None
    description: Text | None = None
    receipt_email: Text | None = None
    statement_descriptor: Text | None = None
    statement_descriptor_suffix: Text | None = None
    shipping: Any = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None


class CreateIntent(Confirmation, UpdateIntent):
    """The parameters of a new PaymentIntent."""

    currency: Currency
    amount: Amount
    customer: Text | None = None
    automatic_payment_methods: AutomaticMethods | None = None
    payment_method_types: Texts | None = None
    confirm: Flag | None = None
    capture_method: Literal["automatic", "automatic_async"] | None = None


class RetrieveIntent(Parameters):
    """The parameters of a browser's call. The secret is not checked."""

    client_secret: Text | None = None


class CancelIntent(Parameters):
    """The parameters of a cancellation."""

    cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class ListIntents(ListParameters):
    """The filters of the list of PaymentIntents."""

    customer: Text | None = None


class ListCharges(ListParameters):
    """The filters of the list of charges."""

    customer: Text | None = None
    payment_intent: Text | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Create a PaymentIntent, and charge it at once with `confirm=true`."""
    params = call.read(CreateIntent)
    money.check_chargeable(params.amount, params.currency, "amount")
    if params.customer:
        account.store.get("customer", params.customer, "customer")
    kinds = _method_types(params)
    method = methods.resolve(account, params.payment_method, "payment_method") if params.payment_method else None
    if params.confirm and method is None:
        raise errors.missing("payment_method")
    intent = charges.new_intent(
        account,
        params.amount,
        params.currency,
        automatic_payment_methods=_automatic(params.automatic_payment_methods),
        customer=params.customer,
        metadata=params.metadata or {},
        payment_method_types=kinds,
        **{name: getattr(params, name) for name in CHANGEABLE},
    )
    if method:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    if params.confirm and method:
        _charge(account, intent, method, params)
    return intent


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a PaymentIntent."""
    call.read(RetrieveIntent)
    return account.store.get("payment_intent", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List PaymentIntents."""
    return lists.page(account, call, "payment_intent", ListIntents)


def update(account: Account, call: ApiCall) -> Json:
    """Change a PaymentIntent. Its amount can change until it is paid."""
    params = call.read(UpdateIntent)
    intent = account.store.get("payment_intent", call.id)
    if params.amount is not None:
        _require_own(account, intent, "update the amount of")
        _require_status(intent, charges.RETRYABLE, "updated")
        money.check_chargeable(params.amount, intent["currency"], "amount")
        intent["amount"] = params.amount
    intent |= {name: value for name, value in params.given().items() if name in CHANGEABLE}
    intent["metadata"] = params.merged_metadata(intent["metadata"])
    return intent


def confirm(account: Account, call: ApiCall) -> Json:
    """Charge a PaymentIntent."""
    params = call.read(Confirmation)
    intent = account.store.get("payment_intent", call.id)
    method_id = params.payment_method or intent["payment_method"]
    _require_own(account, intent, "confirm")
    _require_status(intent, charges.RETRYABLE, "confirmed")
    if method_id is None:
        raise errors.missing("payment_method")
    _charge(account, intent, methods.resolve(account, method_id, "payment_method"), params)
    return intent


def cancel(account: Account, call: ApiCall) -> Json:
    """Cancel a PaymentIntent."""
    params = call.read(CancelIntent)
    intent = account.store.get("payment_intent", call.id)
    _require_own(account, intent, "cancel")
    _require_status(intent, (*charges.RETRYABLE, "requires_action"), "canceled")
    charges.cancel(account, intent, params.cancellation_reason)
    return intent


def retrieve_charge(account: Account, call: ApiCall) -> Json:
    """Return a charge."""
    call.read(NoParameters)
    return account.store.get("charge", call.id)


def list_charges(account: Account, call: ApiCall) -> Json:
    """List charges, including failed ones."""
    return lists.page(account, call, "charge", ListCharges)


def _charge(account: Account, intent: Json, method: Json, params: Confirmation) -> None:
    if method["type"] not in intent["payment_method_types"]:
        raise errors.invalid(
            f"The PaymentIntent accepts {', '.join(intent['payment_method_types'])}, not {method['type']}.",
            "payment_method",
        )
    how = authentication.Confirmation(
        return_url=params.return_url,
        off_session=bool(params.off_session),
        error_on_requires_action=bool(params.error_on_requires_action),
    )
    if authentication.attempt(account, intent, method, how):
        raise methods.declined(account, intent["id"])
    disputes.open_if_test_card(account, intent)
    early_fraud_warnings.create_if_test_card(account, intent)


def _automatic(params: AutomaticMethods | None) -> Json | None:
    if params is None or not params.enabled:
        return None
    return {"enabled": True, "allow_redirects": params.allow_redirects or "always"}


def _method_types(params: CreateIntent) -> list[str]:
    for kind in params.payment_method_types or ():
        if kind not in INSTANT_KINDS + DELAYED_KINDS:
            raise errors.invalid(f"Invalid payment method type: {kind}", "payment_method_types")
    return params.payment_method_types or ["card", *DELAYED_KINDS]


def _require_status(intent: Json, statuses: tuple[str, ...], done: str) -> None:
    if intent["status"] not in statuses:
        raise errors.unexpected_state(
            f"This PaymentIntent could not be {done} because it has a status of {intent['status']}.",
            "payment_intent_unexpected_state",
            {"payment_intent": intent},
        )


def _require_own(account: Account, intent: Json, verb: str) -> None:
    if intent["id"] in account.store.session_of:
        raise errors.unexpected_state(
            f"You cannot {verb} this PaymentIntent because it was created by Checkout.",
            "payment_intent_unexpected_state",
        )
