"""Pays an open session as the customer does."""

import re
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from stripe_emulator.emulator import Emulator
from stripe_emulator.pay_page import card_fields
from stripe_emulator.pay_page.card_fields import invalid
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Instrument, Settlement
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.numbers import is_digits, without_spaces
from stripe_emulator.reference.shapes import Json

Method = Literal["card", "delayed"]
Outcome = Literal["succeeded", "failed"]
MAX_DELAY = 24 * 3600
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


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


def problems(emulator: Emulator, session: Json, form: PaymentForm) -> list[StripeApiError]:
    """Return what is wrong with each field of the form, in their order on the page."""
    found = []
    if form.email and not _EMAIL.fullmatch(form.email):
        found.append(invalid("Your email address is invalid. Leave it out, or use name@example.com.", "email", "email"))
    if not checkout.needs_method(session):
        return found
    if form.method not in get_args(Method):
        return [*found, invalid("The method must be card or delayed.", "invalid_method", "method")]
    if form.method == "delayed":
        return found + _debit_problems(session, form)
    return found + card_fields.problems(emulator.account, form.cardnumber, form.expiry, form.cvc)


def pay(emulator: Emulator, session: Json, form: PaymentForm) -> None:
    """Pay the session, or raise the StripeApiError that the page shows to the customer.

    The session stays open if the customer must authenticate first.
    """
    account = emulator.account
    billing: Json = {"email": form.email or None}
    with account.caused_by(None, None):
        checkout.require_open(session)
        for problem in problems(emulator, session, form):
            raise problem
        if not checkout.needs_method(session):
            checkout.complete_free(account, session, billing)
            return
        decline = checkout.pay(account, session, methods.create(account, _instrument(session, form), billing))
        account.store.orders[session["id"]].typed = form.model_dump(exclude={"cvc"})
    if decline:
        raise checkout.last_decline(account, session)


def authenticate(emulator: Emulator, intent: Json, result: str) -> None:
    """End the customer's authentication, or raise the StripeApiError if the payment is declined then."""
    account = emulator.account
    with account.caused_by(None, None):
        decline = checkout.authenticate(account, intent, result)
    if decline:
        raise methods.declined(account, intent["id"])


async def wait_for_merchant(emulator: Emulator, session: Json) -> bool:
    """Wait for the merchant's 2xx before the customer returns, as Checkout does, and return whether it came."""
    event = emulator.account.store.orders[session["id"]].completed_event
    return event is None or await emulator.deliverer.acknowledged(event, emulator.settings.redirect_wait_seconds)


def _instrument(session: Json, form: PaymentForm) -> Instrument:
    """Return the card or bank account of a form without problems."""
    if form.method != "delayed":
        return cards.BY_NUMBER[without_spaces(form.cardnumber)]
    result: cards.Result = "succeeded" if form.outcome == "succeeded" else "failed"
    return cards.bank_debit(_debit_kinds(session)[0], Settlement(result, int(form.after_seconds)))


def _debit_problems(session: Json, form: PaymentForm) -> list[StripeApiError]:
    seconds = form.after_seconds
    if not is_digits(seconds) or len(seconds) > len(str(MAX_DELAY)) or int(seconds) > MAX_DELAY:
        return [invalid(f"Enter whole seconds from 0 to {MAX_DELAY}.", "invalid_delay", "after_seconds")]
    if form.outcome not in get_args(Outcome):
        return [invalid("The outcome must be succeeded or failed.", "invalid_outcome", "outcome")]
    if not _debit_kinds(session):
        return [invalid("This session accepts no delayed payment method.", "method_not_offered", "method")]
    return []


def _debit_kinds(session: Json) -> list[str]:
    return [kind for kind in session["payment_method_types"] if kind in cards.DELAYED_KINDS]
