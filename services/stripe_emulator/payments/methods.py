"""Creates payment methods from test cards and bank accounts, and reports declines."""

from stripe_emulator.payments.details import method_details
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Instrument
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.numbers import grouped, is_digits, without_spaces
from stripe_emulator.reference.shapes import ADDRESS, Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make

DECEMBER, TWO_DIGIT_YEARS = 12, 100
MAX_YEARS_AHEAD = 50
MIN_DIGITS, MAX_DIGITS = 12, 19


def create(account: Account, instrument: Instrument, billing: Json | None = None, **fields: object) -> Json:
    """Create a payment method for this card or bank account."""
    method = make("payment_method", created=account.now(), type=instrument.kind, **fields)
    method |= method_details(instrument)
    given = {key: value for key, value in (billing or {}).items() if key in method["billing_details"]}
    method["billing_details"] |= given
    method["billing_details"]["address"] = ADDRESS | (given.get("address") or {})
    account.store.instruments[method["id"]] = instrument
    return account.store.add(method)


def resolve(account: Account, method_id: str, param: str) -> Json:
    """Return the payment method with this id. The name of a test card, `pm_card_…`, creates a new one."""
    instrument = cards.by_name(method_id) if method_id.startswith("pm_card_") else None
    if instrument:
        return create(account, instrument)
    return account.store.get("payment_method", method_id, param)


def declined(account: Account, intent_id: str) -> StripeApiError:
    """Return the error that reports the last decline of a PaymentIntent or a SetupIntent."""
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    intent = account.store.get(kind, intent_id)
    error = dict(intent[f"last_{kind.removesuffix('_intent')}_error"])
    return StripeApiError(
        error.pop("message"),
        status=402,
        kind=error.pop("type"),
        code=error.pop("code"),
        more=error | {kind: intent},
    )


def check_expiry(month: int, year: int, now_month: int, now_year: int) -> StripeApiError | None:
    """Return the error for an expiry date that is invalid, in the past, or more than 50 years ahead."""
    year = year + 2000 if year < TWO_DIGIT_YEARS else year
    if not 1 <= month <= DECEMBER:
        return _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if (year, month) < (now_year, now_month) or year > now_year + MAX_YEARS_AHEAD:
        return _card_error("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    return None


def unknown_number(account: Account, text: str) -> StripeApiError:
    """Return the error for a number that is not a test card. Nothing is charged, and there is no event."""
    number = without_spaces(text)
    if not number or (is_digits(number) and len(number) < MIN_DIGITS):
        return _card_error("Your card number is incomplete.", "incorrect_number", "number")
    if not is_digits(number) or len(number) > MAX_DIGITS:
        return _card_error("Your card number is not a card number.", "incorrect_number", "number")
    return _card_error(
        f"Your card number is incorrect: {grouped(number)} is not one of Stripe's test cards that this emulator knows:"
        f" 4242 4242 4242 4242 is accepted, 4000 0000 0000 9995 is declined, {account.settings.public_url}/#cards lists"
        " all.",
        "incorrect_number",
        "number",
    )


def invalid_cvc() -> StripeApiError:
    """Return the error for a security code that is not one."""
    return _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")


def _card_error(message: str, code: str, param: str) -> StripeApiError:
    return StripeApiError(message, status=402, kind="card_error", code=code, param=param)
