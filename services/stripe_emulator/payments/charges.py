"""Charges PaymentIntents and emits the events of success, failure and cancellation."""

import copy

from stripe_emulator.payments.details import authenticated, method_details, outcome, payment_error
from stripe_emulator.reference.cards import DEBIT_FAILED, Decline, Instrument
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import ScheduledSettlement

RETRYABLE = ("requires_payment_method", "requires_confirmation")


def new_intent(account: Account, amount: int, currency: str, **fields: object) -> Json:
    """Create a PaymentIntent without a payment method."""
    intent = make("payment_intent", amount=amount, currency=currency, created=account.now(), **fields)
    intent["client_secret"] = f"{intent['id']}_secret_emulator"
    account.store.add(intent)
    account.emit("payment_intent.created", intent)
    return intent


def attempt(account: Account, intent: Json, method: Json, flow: str | None = None) -> Decline | None:
    """Charge the payment method once, after an authentication if `flow` is set. Return the reason if it is declined."""
    instrument = account.store.instruments[method["id"]]
    charge = _new_charge(account, intent, method, instrument, authenticated(flow) if flow else None)
    intent |= {"latest_charge": charge["id"], "payment_method": method["id"], "last_payment_error": None}
    intent["next_action"] = None
    if instrument.decline:
        _fail(account, intent, charge, method, instrument.decline)
        return instrument.decline
    if instrument.settles:
        intent["status"] = "processing"
        charge |= {"status": "pending", "paid": False, "amount_captured": 0}
        due = account.now() + instrument.settles.after_seconds
        account.store.settlements[intent["id"]] = ScheduledSettlement(instrument.settles, due)
        account.emit("payment_intent.processing", intent)
        account.emit("charge.pending", charge)
        return None
    _succeed(account, intent, charge)
    return None


def settle(account: Account, intent: Json, result: str) -> None:
    """End a delayed payment with this result."""
    account.store.settlements.pop(intent["id"], None)
    charge = account.store.get("charge", intent["latest_charge"])
    if result == "succeeded":
        _succeed(account, intent, charge)
    else:
        _fail(account, intent, charge, account.store.get("payment_method", intent["payment_method"]), DEBIT_FAILED)


def refuse(account: Account, intent: Json, method: Json, decline: Decline) -> None:
    """End an attempt that needs an authentication, and does not get it. There is no charge."""
    error = payment_error(decline, copy.deepcopy(method), None)
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    intent["next_action"] = None
    account.emit("payment_intent.payment_failed", intent)


def cancel(account: Account, intent: Json, reason: str | None) -> None:
    """Cancel an unpaid PaymentIntent."""
    intent |= {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason, "next_action": None}
    account.emit("payment_intent.canceled", intent)


def _succeed(account: Account, intent: Json, charge: Json) -> None:
    charge |= {"status": "succeeded", "paid": True, "amount_captured": charge["amount"]}
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    account.emit("charge.succeeded", charge)
    account.emit("payment_intent.succeeded", intent)


def _fail(account: Account, intent: Json, charge: Json, method: Json, decline: Decline) -> None:
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": decline.code, "failure_message": decline.message}
    charge["outcome"] = outcome(account.store.instruments[method["id"]], decline)
    error = payment_error(decline, copy.deepcopy(method), charge["id"])
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    account.emit("charge.failed", charge)
    account.emit("payment_intent.payment_failed", intent)


def _new_charge(
    account: Account, intent: Json, method: Json, instrument: Instrument, three_d_secure: Json | None
) -> Json:
    copied = ("currency", "customer", "description", "receipt_email", "shipping", "statement_descriptor")
    details = {"type": instrument.kind} | method_details(instrument, charged=True, three_d_secure=three_d_secure)
    return account.store.add(
        make(
            "charge",
            amount=intent["amount"],
            amount_captured=intent["amount"],
            billing_details=copy.deepcopy(method["billing_details"]),
            created=account.now(),
            metadata=dict(intent["metadata"]),
            outcome=outcome(instrument, None),
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=details,
            **{name: intent[name] for name in copied},
        )
    )
