"""Charging a payment method for a PaymentIntent, and what Stripe emits when it goes well or not; no API words."""

import copy

from stripe_emulator.reference.cards import DEBIT_FAILED, Decline, Instrument
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import World
from stripe_emulator.state.objects import ADDRESS, make, method_details, outcome, payment_error
from stripe_emulator.state.store import Due

RETRYABLE = ("requires_payment_method", "requires_confirmation")


def new_method(world: World, instrument: Instrument, billing: Json | None = None, **fields: object) -> Json:
    """A payment method for this instrument."""
    method = make("payment_method", created=world.now(), type=instrument.kind, **fields)
    method |= method_details(instrument)
    given = {key: value for key, value in (billing or {}).items() if key in method["billing_details"]}
    method["billing_details"] |= given
    method["billing_details"]["address"] = ADDRESS | (given.get("address") or {})
    world.store.instruments[method["id"]] = instrument
    return world.store.add(method)


def new_intent(world: World, amount: int, currency: str, **fields: object) -> Json:
    """A PaymentIntent that waits for a payment method."""
    intent = make("payment_intent", amount=amount, currency=currency, created=world.now(), **fields)
    intent["client_secret"] = f"{intent['id']}_secret_emulator"
    world.store.add(intent)
    world.emit("payment_intent.created", intent)
    return intent


def attempt(world: World, intent: Json, method: Json) -> Decline | None:
    """Charge the method once; the reason when it is refused, None when the money came or is on its way."""
    instrument = world.store.instruments[method["id"]]
    charge = _new_charge(world, intent, method, instrument)
    intent |= {"latest_charge": charge["id"], "payment_method": method["id"], "last_payment_error": None}
    if instrument.decline:
        _fail(world, intent, charge, method, instrument.decline)
        return instrument.decline
    if instrument.settles:
        intent["status"] = "processing"
        charge |= {"status": "pending", "paid": False, "amount_captured": 0}
        world.store.due[intent["id"]] = Due(instrument.settles, world.now() + instrument.settles.after_seconds)
        world.emit("payment_intent.processing", intent)
        world.emit("charge.pending", charge)
        return None
    _succeed(world, intent, charge)
    return None


def settle(world: World, intent: Json, result: str) -> None:
    """End a payment that was processing."""
    world.store.due.pop(intent["id"], None)
    charge = world.store.get("charge", intent["latest_charge"])
    if result == "succeeded":
        _succeed(world, intent, charge)
    else:
        _fail(world, intent, charge, world.store.get("payment_method", intent["payment_method"]), DEBIT_FAILED)


def cancel(world: World, intent: Json, reason: str | None) -> None:
    """Give an unpaid PaymentIntent up."""
    intent |= {"status": "canceled", "canceled_at": world.now(), "cancellation_reason": reason}
    world.emit("payment_intent.canceled", intent)


def _succeed(world: World, intent: Json, charge: Json) -> None:
    charge |= {"status": "succeeded", "paid": True, "amount_captured": charge["amount"]}
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def _fail(world: World, intent: Json, charge: Json, method: Json, decline: Decline) -> None:
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": decline.code, "failure_message": decline.message, "outcome": outcome(decline)}
    error = payment_error(decline, copy.deepcopy(method), charge["id"])
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)


def _new_charge(world: World, intent: Json, method: Json, instrument: Instrument) -> Json:
    copied = ("currency", "customer", "description", "receipt_email", "shipping", "statement_descriptor")
    details = {"type": instrument.kind} | method_details(instrument, charged=True)
    return world.store.add(
        make(
            "charge",
            amount=intent["amount"],
            amount_captured=intent["amount"],
            billing_details=copy.deepcopy(method["billing_details"]),
            created=world.now(),
            metadata=dict(intent["metadata"]),
            outcome=outcome(None),
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details=details,
            **{name: intent[name] for name in copied},
        )
    )
