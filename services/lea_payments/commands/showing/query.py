"""Defines what to look for, checks it, and says what to do if nothing is found; pure."""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from lea_payments.commands.at_stripe.search import INTENT_PREFIX, OF_AN_INTENT, SESSION_PREFIX

MAX_ID_BYTES = 2048
"""DynamoDB's limit for a key."""

_LAST4 = re.compile(r"[0-9]{4}")
_YEARS = range(2000, 2100)
"""In which a payment can be, so that there is a day before and after it."""
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


class QueryError(ValueError):
    """The arguments cannot be used. The message says what to do."""


class PaymentQuery(NamedTuple):
    """What to look for: any id, an e-mail address, or a card and a day."""

    any_id: str | None = None
    """Without white space around it, which no id of ours or of Stripe has."""
    email: str | None = None
    card: str | None = None
    day: date | None = None
    given_id: str | None = None
    """The id as it was given, if it has white space around it: an id of a quote or a user may have some."""


def checked(
    any_id: str | None, email: str | None, card: str | None, day: str | None, *, at_stripe: bool
) -> PaymentQuery:
    """The query of these arguments. Raises QueryError if they are not exactly one thing to look for."""
    given_id = any_id
    any_id, email, card, day = (value and value.strip() for value in (any_id, email, card, day))  # often pasted
    if (card is None) != (day is None):
        raise QueryError("--card and --day belong together: --card 4242 --day 2026-11-27")
    if sum(value is not None for value in (any_id, email, card)) != 1:
        raise QueryError("give exactly one of ID, --email, and --card with --day")
    if (email or card) and not at_stripe:
        raise QueryError("only Stripe knows e-mail addresses and cards: add --stripe")
    if email is not None and not _EMAIL.fullmatch(email):
        raise QueryError("--email needs a whole address, as Stripe compares it: mei@example.com")
    if card is not None and not _LAST4.fullmatch(card):
        raise QueryError("--card needs the last four digits of the card, and nothing more: --card 4242")
    if given_id is not None:
        _check_id(given_id)
    return PaymentQuery(any_id, email, card, _day(day), given_id if given_id != any_id else None)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        raise QueryError(f"{text!r} is not the day of a payment: use --day 2026-11-27")
    return day


def _check_id(value: str) -> None:
    if not value.strip():
        raise QueryError("the id is empty: give the id of a payment, a session, a refund, a quote or a user")
    if len(value.encode(errors="replace")) > MAX_ID_BYTES:
        raise QueryError(f"the id is longer than {MAX_ID_BYTES} bytes, so no payment has it: check the id")
    if any("\ud800" <= each <= "\udfff" for each in value):
        raise QueryError(f"the id {value!r} is not UTF-8: check the id")


def not_found(query: PaymentQuery, table: str, *, at_stripe: bool) -> Iterator[str]:
    """What was looked for in vain, and what to do."""
    if query.email is not None:
        yield "no Checkout Session at Stripe has this e-mail address: try another spelling, or --card with --day"
    elif query.card is not None:
        yield f"no payment by a card that ends in {query.card} is at Stripe on {query.day}: try the days beside it"
    else:
        yield _not_found_by_id(query, table, at_stripe=at_stripe)


def _not_found_by_id(query: PaymentQuery, table: str, *, at_stripe: bool) -> str:
    value = query.any_id or ""
    if at_stripe and value.startswith((SESSION_PREFIX, INTENT_PREFIX, *OF_AN_INTENT)):
        return (
            f"neither table {table} nor Stripe has {value}: check the id, and that STRIPE_SECRET_KEY belongs to the "
            "account and mode of the payment"
        )
    if value.startswith("evt_"):
        return f"{value} is an event: `lea-payments replay {value} --dry-run` says what it would change"
    if value.startswith(OF_AN_INTENT):
        return f"no index of table {table} finds {value}: add --stripe, which reads the object and finds its payment"
    if value.startswith((SESSION_PREFIX, INTENT_PREFIX)):
        return (
            f"no such payment in table {table}: add --stripe, which reads {value} from Stripe and says what to do; "
            "or check the id, DDB_ENDPOINT and AWS_REGION"
        )
    if _EMAIL.fullmatch(value):
        return (
            f"no payment, quote or user in table {table} has the id {value}; an address needs --stripe --email {value}"
        )
    return (
        f"no such payment in table {table}: check the id, DDB_ENDPOINT and AWS_REGION; "
        "or find it with --stripe and --email, or --card and --day"
    )
