"""Serves `/v1/payment_pages`, which Stripe does not document but the official CLI uses to pay a session."""

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.parameters import Integer, NoParameters, Parameters, Text
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import listing


class ConfirmPayment(Parameters):
    """The parameters of a payment."""

    expected_amount: Integer | None = None
    expected_payment_method_type: Text | None = None
    payment_method: Text


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return the pay page of a session."""
    call.read(NoParameters)
    return _page(account, account.store.get("checkout.session", call.id))


def confirm(account: Account, call: ApiCall) -> Json:
    """Pay a session."""
    params = call.read(ConfirmPayment)
    session = account.store.get("checkout.session", call.id)
    if params.expected_amount not in (None, session["amount_total"]):
        raise errors.unexpected_state("The amount is not what you expected.", "checkout_amount_mismatch")
    method = methods.resolve(account, params.payment_method, "payment_method")
    if checkout.pay(account, session, method):
        raise checkout.last_decline(account, session)
    return _page(account, session)


def _page(account: Account, session: Json) -> Json:
    shown = ("currency", "mode", "payment_intent", "payment_status", "status", "success_url", "cancel_url")
    items = account.store.orders[session["id"]].items
    return {"id": session["id"], "object": "payment_page", "session_id": session["id"]} | {
        "amount": session["amount_total"], "livemode": False, **{name: session[name] for name in shown},
        "line_items": listing(f"/v1/checkout/sessions/{session['id']}/line_items", items),
    }  # fmt: skip
