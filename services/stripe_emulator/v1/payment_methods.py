"""Serves `/v1/payment_methods`."""

from dataclasses import replace

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import Integer, MetadataParameters, NoParameters, Parameters, Text
from stripe_emulator.payments import methods
from stripe_emulator.reference import cards, errors
from stripe_emulator.reference.cards import Instrument, Settlement
from stripe_emulator.reference.numbers import is_digits
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account

CVC_LENGTHS = (3, 4)


class Address(Parameters):
    """The branch `billing_details[address]`."""

    city: Text | None = None
    country: Text | None = None
    line1: Text | None = None
    line2: Text | None = None
    postal_code: Text | None = None
    state: Text | None = None


class BillingDetails(Parameters):
    """The branch `billing_details`."""

    email: Text | None = None
    name: Text | None = None
    phone: Text | None = None
    address: Address | None = None


class Card(Parameters):
    """The branch `card`: a token or a number."""

    number: Text | None = None
    exp_month: Integer | None = None
    exp_year: Integer | None = None
    cvc: Text | None = None
    token: Text | None = None


class SepaDebit(Parameters):
    """The branch `sepa_debit`."""

    iban: Text


class BacsDebit(Parameters):
    """The branch `bacs_debit`."""

    account_number: Text
    sort_code: Text


class UsBankAccount(Parameters):
    """The branch `us_bank_account`."""

    account_number: Text
    routing_number: Text
    account_holder_type: Text
    account_type: Text


BRANCHES: dict[str, type[Parameters]] = {
    "card": Card,
    "sepa_debit": SepaDebit,
    "bacs_debit": BacsDebit,
    "us_bank_account": UsBankAccount,
}


class CreateMethod(MetadataParameters):
    """The parameters of a new payment method."""

    type: Text
    card: Card | None = None
    sepa_debit: SepaDebit | None = None
    bacs_debit: BacsDebit | None = None
    us_bank_account: UsBankAccount | None = None
    billing_details: BillingDetails | None = None


class AttachMethod(Parameters):
    """The parameters of an attachment."""

    customer: Text


class ListMethods(ListParameters):
    """The filters of the list of payment methods."""

    customer: Text | None = None
    type: Text | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Create a payment method that belongs to no customer yet."""
    params = call.read(CreateMethod)
    instrument = _instrument(account, params)
    billing = (params.billing_details or BillingDetails()).model_dump()
    return methods.create(account, instrument, billing, metadata=params.metadata or {})


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a payment method by its id or by the name of a test card."""
    call.read(NoParameters)
    return methods.resolve(account, call.id, "id")


def list_all(account: Account, call: ApiCall) -> Json:
    """List the payment methods of a customer, who may be named in the path."""
    if call.id:
        call = replace(call, values=call.values | {"customer": call.id})
    return lists.page(account, call, "payment_method", ListMethods)


def attach(account: Account, call: ApiCall) -> Json:
    """Attach a payment method to a customer."""
    params = call.read(AttachMethod)
    method = methods.resolve(account, call.id, "id")
    account.store.get("customer", params.customer, "customer")
    method["customer"] = params.customer
    account.emit("payment_method.attached", method)
    return method


def detach(account: Account, call: ApiCall) -> Json:
    """Detach a payment method from its customer."""
    call.read(NoParameters)
    method = methods.resolve(account, call.id, "id")
    if method["customer"] is None:
        raise errors.invalid("The payment method you provided is not attached to a customer.", "payment_method")
    previous, method["customer"] = {"customer": method["customer"]}, None
    account.emit("payment_method.detached", method, previous)
    return method


def _instrument(account: Account, params: CreateMethod) -> Instrument:
    if params.type not in BRANCHES:
        raise errors.invalid(f"Invalid type: this emulator supports {', '.join(BRANCHES)}", "type")
    if other_branches := params.model_fields_set & BRANCHES.keys() - {params.type}:
        raise errors.unknown(min(other_branches))
    branch = getattr(params, params.type)
    if branch is None:
        first_field = next(iter(BRANCHES[params.type].model_fields))
        raise errors.missing(f"{params.type}[{first_field}]")
    return _card(account, branch) if isinstance(branch, Card) else _bank_debit(params.type, branch)


def _card(account: Account, card: Card) -> Instrument:
    if card.token:
        instrument = cards.by_name(card.token)
        if instrument is None:
            raise errors.no_such("token", card.token, "card[token]")
        return instrument
    if card.number is None:
        raise errors.missing("card[number]")
    instrument = cards.by_number(card.number)
    if instrument is None:
        raise methods.unknown_number(account, card.number)
    if card.exp_month is None or card.exp_year is None:
        raise errors.missing("card[exp_month]")
    now_year, now_month = account.clock.year_and_month()
    problem = methods.check_expiry(card.exp_month, card.exp_year, now_month, now_year)
    if problem:
        raise problem
    if card.cvc is not None and not (is_digits(card.cvc) and len(card.cvc) in CVC_LENGTHS):
        raise methods.invalid_cvc()
    return instrument


def _bank_debit(kind: str, bank: SepaDebit | BacsDebit | UsBankAccount) -> Instrument:
    number = bank.iban if isinstance(bank, SepaDebit) else bank.account_number
    return cards.bank_debit(kind, cards.IBANS.get(number.replace(" ", ""), Settlement("succeeded", 1)), number)
