"""Pays an open session as the customer does."""

from pydantic import BaseModel, ConfigDict

from stripe_emulator.emulator import Emulator
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Settlement
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json

MAX_DELAY = 24 * 3600
CVC_LENGTHS = (3, 4)


class PaymentForm(BaseModel):
    """The fields of the pay page as the customer filled them in."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    method: str = "card"
    cardnumber: str = ""
    expiry: str = ""
    cvc: str = ""
    email: str = ""
    outcome: str = "succeeded"
    after_seconds: str = "5"


def pay(emulator: Emulator, session: Json, form: PaymentForm) -> None:
    """Pay the session, or raise the StripeApiError that the page shows to the customer."""
    account = emulator.account
    billing: Json = {"email": form.email or None}
    with account.caused_by(None, None):
        if not checkout.needs_method(session):
            checkout.complete_free(account, session, billing)
            return
        checkout.require_open(session)
        instrument = _bank_debit(session, form) if form.method == "delayed" else _card(emulator, form)
        decline = checkout.pay(account, session, methods.create(account, instrument, billing))
    if decline:
        raise checkout.last_decline(account, session)


async def wait_for_merchant(emulator: Emulator, session: Json) -> bool:
    """Wait for the merchant's 2xx before the customer returns, as Checkout does, and return whether it came."""
    event = emulator.account.store.orders[session["id"]].completed_event
    return event is None or await emulator.deliverer.acknowledged(event, emulator.settings.redirect_wait_seconds)


def _card(emulator: Emulator, form: PaymentForm) -> cards.Instrument:
    instrument = cards.by_number(form.cardnumber)
    if instrument is None:
        raise methods.incorrect_number()
    month, _, year = form.expiry.replace(" ", "").partition("/")
    if not (month.isdigit() and year.isdigit()):
        raise _invalid("Your card's expiration date is incomplete.", "incomplete_expiry", "exp_month")
    now_year, now_month = emulator.account.clock.year_and_month()
    problem = methods.check_expiry(int(month), int(year), now_month, now_year)
    if problem:
        raise problem
    if not form.cvc.isdigit() or len(form.cvc) not in CVC_LENGTHS:
        raise _invalid("Your card's security code is incomplete.", "incomplete_cvc", "cvc")
    return instrument


def _bank_debit(session: Json, form: PaymentForm) -> cards.Instrument:
    if not form.after_seconds.isascii() or not form.after_seconds.isdigit() or int(form.after_seconds) > MAX_DELAY:
        raise _invalid(f"Enter whole seconds from 0 to {MAX_DELAY}.", "invalid_delay", "after_seconds")
    if form.outcome == "succeeded":
        settlement = Settlement("succeeded", int(form.after_seconds))
    elif form.outcome == "failed":
        settlement = Settlement("failed", int(form.after_seconds))
    else:
        raise _invalid("The outcome must be succeeded or failed.", "invalid_outcome", "outcome")
    kinds = [kind for kind in session["payment_method_types"] if kind in cards.DELAYED_KINDS]
    if not kinds:
        raise _invalid("This session accepts no delayed payment method.", "method_not_offered", "method")
    return cards.bank_debit(kinds[0], settlement)


def _invalid(message: str, code: str, param: str) -> StripeApiError:
    return StripeApiError(message, status=402, kind="validation_error", code=code, param=param)
