"""`/v1/payment_intents` and `/v1/charges`: what may be asked of them; what charging does is in charging.py."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.params import Params
from stripe_emulator.payments import charging
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.cards import DELAYED_KINDS, INSTANT_KINDS
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes, payment_methods

TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")
CANCELLATIONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(account: Account, call: Call) -> Json:
    """A PaymentIntent, charged at once with `confirm=true`."""
    params = call.params
    currency = money.currency(params.required("currency"), "currency")
    amount = params.integer("amount", minimum=1)
    if amount is None:
        raise errors.missing("amount")
    money.check_chargeable(amount, currency, "amount")
    customer = params.text("customer")
    if customer:
        account.store.get("customer", customer, "customer")
    automatic = _automatic(params.child("automatic_payment_methods"))
    fields = _changeable(params) | {
        "automatic_payment_methods": automatic,
        "customer": customer,
        "metadata": params.metadata(),
        "payment_method_types": _kinds(params),
    }
    confirmed, method_id = params.flag("confirm"), params.text("payment_method")
    _read_confirmation(params)
    params.choice("capture_method", ("automatic", "automatic_async"))
    params.finish()
    method = payment_methods.resolve(account, method_id, "payment_method") if method_id else None
    if confirmed and method is None:
        raise errors.missing("payment_method")
    intent = charging.new_intent(account, amount, currency, **fields)
    if method:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    if confirmed and method:
        _charge(account, intent, method)
    return intent


def retrieve(account: Account, call: Call) -> Json:
    """A PaymentIntent by its id; its client_secret proves nothing here."""
    call.params.text("client_secret")
    return account.store.get("payment_intent", call.id)


def list_all(account: Account, call: Call) -> Json:
    """PaymentIntents."""
    return calls.page(account, call, "payment_intent", customer=call.params.text("customer"))


def update(account: Account, call: Call) -> Json:
    """Change a PaymentIntent that is not paid yet; its metadata at any time."""
    intent, params = retrieve(account, call), call.params
    changes = {name: value for name, value in _changeable(params).items() if params.has(name)}
    changes["metadata"] = params.merged_metadata(intent["metadata"])
    amount = params.integer("amount", minimum=1)
    params.finish()
    if amount is not None:
        _require_own(account, intent, "update the amount of")
        _require(intent, charging.RETRYABLE, "updated")
        money.check_chargeable(amount, intent["currency"], "amount")
        changes["amount"] = amount
    intent |= changes
    return intent


def confirm(account: Account, call: Call) -> Json:
    """Charge a PaymentIntent."""
    intent, params = retrieve(account, call), call.params
    method_id = params.text("payment_method") or intent["payment_method"]
    _read_confirmation(params)
    params.finish()
    _require_own(account, intent, "confirm")
    _require(intent, charging.RETRYABLE, "confirmed")
    if method_id is None:
        raise errors.missing("payment_method")
    _charge(account, intent, payment_methods.resolve(account, method_id, "payment_method"))
    return intent


def cancel(account: Account, call: Call) -> Json:
    """Give a PaymentIntent up."""
    intent, reason = retrieve(account, call), call.params.choice("cancellation_reason", CANCELLATIONS)
    call.params.finish()
    _require_own(account, intent, "cancel")
    _require(intent, (*charging.RETRYABLE, "requires_action"), "canceled")
    charging.cancel(account, intent, reason)
    return intent


def retrieve_charge(account: Account, call: Call) -> Json:
    """A charge by its id."""
    return account.store.get("charge", call.id)


def list_charges(account: Account, call: Call) -> Json:
    """Charges, failed ones included."""
    params = call.params
    return calls.page(
        account, call, "charge", customer=params.text("customer"), payment_intent=params.text("payment_intent")
    )


def _charge(account: Account, intent: Json, method: Json) -> None:
    if method["type"] not in intent["payment_method_types"]:
        raise errors.invalid(
            f"The PaymentIntent accepts {', '.join(intent['payment_method_types'])}, not {method['type']}.",
            "payment_method",
        )
    if charging.attempt(account, intent, method):
        raise payment_methods.declined(account, intent["id"])
    disputes.open_if_bound_to(account, intent)


def _changeable(params: Params) -> Json:
    fields: Json = {name: params.text(name) for name in TEXTS}
    fields["shipping"] = params.raw("shipping") or None
    fields["setup_future_usage"] = params.choice("setup_future_usage", ("off_session", "on_session"))
    return fields


def _automatic(branch: Params) -> Json | None:
    enabled = branch.flag("enabled")
    redirects = branch.choice("allow_redirects", ("always", "never")) or "always"
    return {"enabled": True, "allow_redirects": redirects} if enabled else None


def _kinds(params: Params) -> list[str]:
    kinds = params.texts("payment_method_types")
    for kind in kinds:
        if kind not in INSTANT_KINDS + DELAYED_KINDS:
            raise errors.invalid(f"Invalid payment method type: {kind}", "payment_method_types")
    return kinds or ["card", *DELAYED_KINDS]


def _read_confirmation(params: Params) -> None:
    """Accept what only matters where a customer has to act, which no instrument here asks for."""
    params.url("return_url")
    params.raw("payment_method_options")
    params.raw("mandate_data")
    params.flag("off_session")
    params.flag("error_on_requires_action")
    params.choice("confirmation_method", ("automatic", "manual"))


def _require(intent: Json, statuses: tuple[str, ...], done: str) -> None:
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
