"""`/v1/payment_methods`: making them from test numbers, tokens and accounts; charges none of them."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.params import Params
from stripe_emulator.payments import charging
from stripe_emulator.reference import cards, errors
from stripe_emulator.reference.cards import Instrument, Settlement
from stripe_emulator.reference.errors import ApiError, Json
from stripe_emulator.state.account import Account

BILLING = ("email", "name", "phone")
ADDRESS_PARTS = ("city", "country", "line1", "line2", "postal_code", "state")
DECEMBER, FULL_YEAR = 12, 100
INCORRECT_NUMBER = "Your card number is incorrect."


def create(account: Account, call: Call) -> Json:
    """A payment method, not yet anybody's."""
    params = call.params
    kind = params.required("type")
    if kind == "card":
        instrument = _card(account, params.child("card"))
    elif kind in cards.DELAYED_KINDS:
        instrument = _debit(kind, params.child(kind))
    else:
        supported = ", ".join(("card", *cards.DELAYED_KINDS))
        raise errors.invalid(f"Invalid type: this emulator models {supported}", "type")
    billing, metadata = _billing(params.child("billing_details")), params.metadata()
    params.finish()
    return charging.new_method(account, instrument, billing, metadata=metadata)


def retrieve(account: Account, call: Call) -> Json:
    """A payment method by its id, or the well-known test one by its name."""
    return resolve(account, call.id, "id")


def list_all(account: Account, call: Call) -> Json:
    """Payment methods of a customer."""
    params = call.params
    customer = call.id or params.text("customer")
    return calls.page(account, call, "payment_method", customer=customer, type=params.text("type"))


def attach(account: Account, call: Call) -> Json:
    """Give a payment method to a customer."""
    method = retrieve(account, call)
    customer = call.params.required("customer")
    call.params.finish()
    account.store.get("customer", customer, "customer")
    method["customer"] = customer
    account.emit("payment_method.attached", method)
    return method


def detach(account: Account, call: Call) -> Json:
    """Take a payment method from its customer."""
    method = retrieve(account, call)
    call.params.finish()
    if method["customer"] is None:
        raise errors.invalid("The payment method you provided is not attached to a customer.", "payment_method")
    previous, method["customer"] = {"customer": method["customer"]}, None
    account.emit("payment_method.detached", method, previous)
    return method


def resolve(account: Account, method_id: str, param: str) -> Json:
    """The payment method; a `pm_card_…` name makes a new one, as it does at Stripe."""
    instrument = cards.by_name(method_id) if method_id.startswith("pm_card_") else None
    if instrument:
        return charging.new_method(account, instrument)
    return account.store.get("payment_method", method_id, param)


def declined(account: Account, intent_id: str) -> ApiError:
    """The refusal of a payment as the API reports it, with the PaymentIntent in it."""
    intent = account.store.get("payment_intent", intent_id)
    error = dict(intent["last_payment_error"])
    return ApiError(
        error.pop("message"),
        status=402,
        kind=error.pop("type"),
        code=error.pop("code"),
        more=error | {"payment_intent": intent},
    )


def check_expiry(month: int, year: int, now_month: int, now_year: int) -> ApiError | None:
    """What is wrong with a card's expiry at this time."""
    year = year + 2000 if year < FULL_YEAR else year
    if not 1 <= month <= DECEMBER:
        return _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if (year, month) < (now_year, now_month):
        return _card_error("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    return None


def incorrect_number() -> ApiError:
    """A number that is no test card's; nothing is charged and no event follows."""
    return _card_error(INCORRECT_NUMBER, "incorrect_number", "number")


def _card_error(message: str, code: str, param: str) -> ApiError:
    return ApiError(message, status=402, kind="card_error", code=code, param=param)


def _card(account: Account, card: Params) -> Instrument:
    token = card.text("token")
    if token:
        instrument = cards.by_name(token)
        if instrument is None:
            raise errors.no_such("token", token, card.name("token"))
        return instrument
    instrument = cards.by_number(card.required("number"))
    month, year = card.integer("exp_month"), card.integer("exp_year")
    card.text("cvc")
    if instrument is None:
        raise incorrect_number()
    if month is None or year is None:
        raise errors.missing(card.name("exp_month"))
    now_year, now_month = account.clock.year_and_month()
    refusal = check_expiry(month, year, now_month, now_year)
    if refusal:
        raise refusal
    return instrument


def _debit(kind: str, bank: Params) -> Instrument:
    fields = {"sepa_debit": ("iban",), "bacs_debit": ("account_number", "sort_code")}
    fields["us_bank_account"] = ("account_number", "routing_number", "account_holder_type", "account_type")
    number, *_ = [bank.required(name) for name in fields[kind]]
    return cards.bank_debit(kind, cards.IBANS.get(number.replace(" ", ""), Settlement("succeeded", 1)), number)


def _billing(details: Params) -> Json:
    billing: Json = {name: details.text(name) for name in BILLING}
    address = details.child("address")
    return billing | {"address": {part: address.text(part) for part in ADDRESS_PARTS}}
