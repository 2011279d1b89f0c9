"""Charging a payment method for a PaymentIntent, and what Stripe emits when it goes well or not; no API words."""

import copy

from stripe_emulator.reference.cards import DEBIT_FAILED, Decline, Instrument
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import ADDRESS, make, method_details, outcome, payment_error
from stripe_emulator.state.store import Due

RETRYABLE = ("requires_payment_method", "requires_confirmation")


def new_method(account: Account, instrument: Instrument, billing: Json | None = None, **fields: object) -> Json:
    """A payment method for this instrument."""
    method = make("payment_method", created=account.now(), type=instrument.kind, **fields)
    method |= method_details(instrument)
    given = {key: value for key, value in (billing or {}).items() if key in method["billing_details"]}
    method["billing_details"] |= given
    method["billing_details"]["address"] = ADDRESS | (given.get("address") or {})
    account.store.instruments[method["id"]] = instrument
    return account.store.add(method)


def new_intent(account: Account, amount: int, currency: str, **fields: object) -> Json:
    """A PaymentIntent that waits for a payment method."""
    intent = make("payment_intent", amount=amount, currency=currency, created=account.now(), **fields)
    intent["client_secret"] = f"{intent['id']}_secret_emulator"
    account.store.add(intent)
    account.emit("payment_intent.created", intent)
    return intent


def attempt(account: Account, intent: Json, method: Json) -> Decline | None:
    """Charge the method once; the reason when it is refused, None when the money came or is on its way."""
    instrument = account.store.instruments[method["id"]]
    charge = _new_charge(account, intent, method, instrument)
    intent |= {"latest_charge": charge["id"], "payment_method": method["id"], "last_payment_error": None}
    if instrument.decline:
        _fail(account, intent, charge, method, instrument.decline)
        return instrument.decline
    if instrument.settles:
        intent["status"] = "processing"
        charge |= {"status": "pending", "paid": False, "amount_captured": 0}
        account.store.due[intent["id"]] = Due(instrument.settles, account.now() + instrument.settles.after_seconds)
        account.emit("payment_intent.processing", intent)
        account.emit("charge.pending", charge)
        return None
    _succeed(account, intent, charge)
    return None


def settle(account: Account, intent: Json, result: str) -> None:
    """End a payment that was processing."""
    account.store.due.pop(intent["id"], None)
    charge = account.store.get("charge", intent["latest_charge"])
    if result == "succeeded":
        _succeed(account, intent, charge)
    else:
        _fail(account, intent, charge, account.store.get("payment_method", intent["payment_method"]), DEBIT_FAILED)


def cancel(account: Account, intent: Json, reason: str | None) -> None:
    """Give an unpaid PaymentIntent up."""
    intent |= {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason}
    account.emit("payment_intent.canceled", intent)


def _succeed(account: Account, intent: Json, charge: Json) -> None:
    charge |= {"status": "succeeded", "paid": True, "amount_captured": charge["amount"]}
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    account.emit("charge.succeeded", charge)
    account.emit("payment_intent.succeeded", intent)


def _fail(account: Account, intent: Json, charge: Json, method: Json, decline: Decline) -> None:
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": decline.code, "failure_message": decline.message, "outcome": outcome(decline)}
    error = payment_error(decline, copy.deepcopy(method), charge["id"])
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    account.emit("charge.failed", charge)
    account.emit("payment_intent.payment_failed", intent)


def _new_charge(account: Account, intent: Json, method: Json, instrument: Instrument) -> Json:
    copied = ("currency", "customer", "description", "receipt_email", "shipping", "statement_descriptor")
    details = {"type": instrument.kind} | method_details(instrument, charged=True)
    return account.store.add(
        make(
            "charge",
            amount=intent["amount"],
            amount_captured=intent["amount"],
            billing_details=copy.deepcopy(method["billing_details"]),
            created=account.now(),
            metadata=dict(intent["metadata"]),
            outcome=outcome(None),
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=details,
            **{name: intent[name] for name in copied},
        )
    )
