"""Paying an open session from the outside, by form or by JSON; knows nothing of how the page looks."""

from dataclasses import dataclass

from stripe_emulator.emulator import Emulator
from stripe_emulator.payments import charging, checkout
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Settlement
from stripe_emulator.reference.errors import ApiError, Json
from stripe_emulator.v1 import payment_methods

MAX_DELAY = 24 * 3600
CVC_LENGTHS = (3, 4)


@dataclass(frozen=True)
class Wish:
    """How the customer wants to pay, as typed."""

    method: str = "card"
    number: str = ""
    expiry: str = ""
    cvc: str = ""
    email: str = ""
    outcome: str = "succeeded"
    after_seconds: str = "5"


def pay(emulator: Emulator, session: Json, wish: Wish) -> None:
    """Confirm the session as its page does; raises the refusal that the customer reads."""
    account = emulator.account
    billing: Json = {"email": wish.email.strip() or None}
    with account.caused_by(None, None):
        if not session["amount_total"]:
            checkout.complete_free(account, session, billing)
            return
        checkout.require_open(session)
        instrument = _debit(session, wish) if wish.method == "delayed" else _card(emulator, wish)
        decline = checkout.pay(account, session, charging.new_method(account, instrument, billing))
    if decline:
        raise payment_methods.declined(account, session["payment_intent"])


async def wait_for_merchant(emulator: Emulator, session: Json) -> bool:
    """Give the merchant time to hear of the payment before the customer returns, as Checkout does."""
    event = emulator.account.store.orders[session["id"]].completed_event
    return event is None or await emulator.deliverer.acknowledged(event, emulator.settings.redirect_wait_seconds)


def _card(emulator: Emulator, wish: Wish) -> cards.Instrument:
    instrument = cards.by_number(wish.number)
    if instrument is None:
        raise payment_methods.incorrect_number()
    month, _, year = wish.expiry.replace(" ", "").partition("/")
    if not (month.isdigit() and year.isdigit()):
        raise _incomplete("Your card's expiration date is incomplete.", "incomplete_expiry", "exp_month")
    now_year, now_month = emulator.account.clock.year_and_month()
    refusal = payment_methods.check_expiry(int(month), int(year), now_month, now_year)
    if refusal:
        raise refusal
    if not wish.cvc.isdigit() or len(wish.cvc) not in CVC_LENGTHS:
        raise _incomplete("Your card's security code is incomplete.", "incomplete_cvc", "cvc")
    return instrument


def _debit(session: Json, wish: Wish) -> cards.Instrument:
    if not wish.after_seconds.isascii() or not wish.after_seconds.isdigit() or int(wish.after_seconds) > MAX_DELAY:
        raise _incomplete(f"Give whole seconds from 0 to {MAX_DELAY}.", "invalid_delay", "after_seconds")
    if wish.outcome == "succeeded":
        settlement = Settlement("succeeded", int(wish.after_seconds))
    elif wish.outcome == "failed":
        settlement = Settlement("failed", int(wish.after_seconds))
    else:
        raise _incomplete("The outcome is succeeded or failed.", "invalid_outcome", "outcome")
    kinds = [kind for kind in session["payment_method_types"] if kind in cards.DELAYED_KINDS]
    if not kinds:
        raise _incomplete("This session takes no delayed payment method.", "method_not_offered", "method")
    return cards.bank_debit(kinds[0], settlement)


def _incomplete(message: str, code: str, param: str) -> ApiError:
    return ApiError(message, status=402, kind="validation_error", code=code, param=param)
