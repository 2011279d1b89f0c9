"""Selects what a page shows of a payment, formatted for the customer's language: nothing about its user."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple

from lea_payments.pages import payment_method
from lea_payments.pages.languages import Language
from lea_payments.pages.payment_method import ShownMethod
from lea_payments.pages.views import View
from lea_payments.payment.payers import method_of_payer
from lea_payments.payment.record import Payment, Status, parsed_time
from lea_payments.payment.refunds import IntentRefunds, refunds_of_intent, refunds_of_others
from lea_payments.stripe.checkout_sessions import open_link

CURRENCY = re.compile(r"[A-Za-z]{3}")


class Note(StrEnum):
    """What a page says about refunds, the most urgent first."""

    FAILED = "failed"
    WAITING = "waiting"
    ON_THE_WAY = "on_the_way"
    PART = "part"
    OTHER = "other"


class Moment(NamedTuple):
    """A time as text, and in ISO 8601 for programs."""

    text: str
    iso: str


class PaymentSummary(NamedTuple):
    """What a page shows of a payment. `link` leads back to the pay page while the payment can be paid there."""

    reference: str
    product: str | None
    amount: str | None
    method: ShownMethod | None
    refunded: str | None
    notes: list[tuple[Note, str]]
    confirmed: Moment | None
    link: str | None


def summary_of(payment: Payment, view: View, language: Language, zone: tzinfo, now: int) -> PaymentSummary:
    """The summary of a payment for this page."""
    own = refunds_of_intent(payment, payment.stripe_payment_intent)
    return PaymentSummary(
        reference=payment.payment_intent_id,
        product=payment.product_name,
        amount=None if view.amount_in_doubt else _formatted(payment.amount, payment.currency, language),
        method=payment_method.shown(method_of_payer(payment)) if payment.payment_status is Status.COMPLETED else None,
        refunded=_formatted(own.succeeded or None, own.currency, language),
        notes=sorted(_notes(payment, own, language), key=lambda note: list(Note).index(note[0])),
        confirmed=_confirmed(payment, language, zone),
        link=open_link(payment, datetime.fromtimestamp(now, UTC)),
    )


def _notes(payment: Payment, own: IntentRefunds, language: Language) -> Iterator[tuple[Note, str]]:
    for refunds in (own, *refunds_of_others(payment)):
        arrived = 0 if refunds is own and own.is_full else refunds.succeeded
        amounts = {
            Note.FAILED: refunds.failed,
            Note.WAITING: refunds.waiting,
            Note.ON_THE_WAY: refunds.on_the_way,
            Note.PART if refunds is own else Note.OTHER: arrived,
        }
        for note, minor_units in amounts.items():
            amount = _formatted(minor_units or None, refunds.currency, language)
            if amount is not None:
                yield note, amount


def _confirmed(payment: Payment, language: Language, zone: tzinfo) -> Moment | None:
    """When the payment was completed; None if it is not, or if its history does not say so."""
    if payment.payment_status is not Status.COMPLETED:
        return None
    ends = (entry for entry in reversed(payment.history) if entry.status_to != entry.status_from)
    at = parsed_time(next((entry.at for entry in ends if entry.status_to == Status.COMPLETED), None))
    if at is None:
        return None
    try:
        return Moment(language.moment(at, zone), at.isoformat(timespec="seconds"))
    except (ValueError, OverflowError):  # the first or the last day that there is, in another zone
        return None


def _formatted(amount: int | None, currency: str | None, language: Language) -> str | None:
    if amount is None or amount < 0 or not CURRENCY.fullmatch(currency or ""):
        return None
    return language.amount(amount, currency or "")
