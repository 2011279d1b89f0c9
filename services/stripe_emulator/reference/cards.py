"""Lists Stripe's test cards and test bank accounts, and how they behave."""

from dataclasses import dataclass
from typing import Literal, get_args

Result = Literal["succeeded", "failed"]


@dataclass(frozen=True)
class Decline:
    """Why the issuer declines a charge: Stripe's codes, and the message for the customer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Settlement:
    """The result of a delayed payment, and how long it takes."""

    result: Result
    after_seconds: int


@dataclass(frozen=True)
class Instrument:
    """A test card or bank account, and how it behaves."""

    kind: str = "card"
    brand: str = "visa"
    number: str = "4242424242424242"
    country: str = "US"
    decline: Decline | None = None
    dispute: str | None = None
    inquiry: bool = False
    disputes: int = 1
    fraud_warning: str | None = None
    # A refund that succeeds later is pending first. A refund that fails later has succeeded first.
    refund: Settlement | None = None
    settles: Settlement | None = None

    @property
    def last4(self) -> str:
        """The last four digits, the only ones that Stripe shows."""
        return self.number[-4:]


def _declined(decline_code: str) -> Decline:
    return Decline("card_declined", decline_code, DECLINE_MESSAGES.get(decline_code, "Your card was declined."))


DECLINE_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
_EXPIRED, _CVC, _PROCESSING = (
    Decline(code, None, DECLINE_MESSAGES[code]) for code in ("expired_card", "incorrect_cvc", "processing_error")
)
DEBIT_FAILED = Decline(
    "payment_intent_payment_attempt_failed", None, "The payment failed: the customer's bank refused it."
)

# Rows from https://docs.stripe.com/testing under Stripe's own names: `pm_card_<name>` and `tok_<name>`.
CARDS: dict[str, Instrument] = {
    "visa": Instrument(),
    "visa_debit": Instrument(number="4000056655665556"),
    "mastercard": Instrument(brand="mastercard", number="5555555555554444"),
    "mastercard_prepaid": Instrument(brand="mastercard", number="5105105105105100"),
    "amex": Instrument(brand="amex", number="378282246310005"),
    "discover": Instrument(brand="discover", number="6011111111111117"),
    "jcb": Instrument(brand="jcb", number="3566002020360505"),
    "unionpay": Instrument(brand="unionpay", number="6200000000000005"),
    "sg": Instrument(number="4000007020000003", country="SG"),
    "my": Instrument(number="4000004580000002", country="MY"),
    "chargeDeclined": Instrument(number="4000000000000002", decline=_declined("generic_decline")),
    "chargeDeclinedInsufficientFunds": Instrument(number="4000000000009995", decline=_declined("insufficient_funds")),
    "chargeDeclinedLostCard": Instrument(number="4000000000009987", decline=_declined("lost_card")),
    "chargeDeclinedStolenCard": Instrument(number="4000000000009979", decline=_declined("stolen_card")),
    "chargeDeclinedExpiredCard": Instrument(number="4000000000000069", decline=_EXPIRED),
    "chargeDeclinedIncorrectCvc": Instrument(number="4000000000000127", decline=_CVC),
    "chargeDeclinedProcessingError": Instrument(number="4000000000000119", decline=_PROCESSING),
    "chargeDeclinedVelocityLimitExceeded": Instrument(
        number="4000000000006975", decline=_declined("card_velocity_exceeded")
    ),
    "chargeCustomerFail": Instrument(number="4000000000000341", decline=_declined("generic_decline")),
    "createDispute": Instrument(number="4000000000000259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Instrument(number="4000000000002685", dispute="product_not_received"),
    "createDisputeInquiry": Instrument(number="4000000000001976", dispute="fraudulent", inquiry=True),
    "createMultipleDisputes": Instrument(number="4000000404000079", dispute="fraudulent", disputes=2),
    "createIssuerFraudRecord": Instrument(number="4000000000005423", fraud_warning="made_with_stolen_card"),
    "refundFail": Instrument(number="4000000000005126", refund=Settlement("failed", 1)),
    "pendingRefund": Instrument(number="4000000000007726", refund=Settlement("succeeded", 180)),
}
BY_NUMBER = {card.number: card for card in CARDS.values()}

# Bank debits are always delayed. 180 seconds where Stripe documents three minutes.
IBANS = {
    "AT611904300234573201": Settlement("succeeded", 1),
    "AT321904300235473204": Settlement("succeeded", 180),
    "AT861904300235473202": Settlement("failed", 1),
    "AT051904300235473205": Settlement("failed", 180),
    "IT60X0542811101000000123456": Settlement("failed", 1),
}
DelayedKind = Literal["sepa_debit", "bacs_debit", "us_bank_account"]
InstantKind = Literal["card", "link", "paynow", "grabpay", "alipay", "wechat_pay", "fpx"]
DELAYED_KINDS: tuple[DelayedKind, ...] = get_args(DelayedKind)
INSTANT_KINDS: tuple[InstantKind, ...] = get_args(InstantKind)
# The payment method types of a session that was created without any.
DEFAULT_KINDS = ("card", "sepa_debit")


def by_number(number: str) -> Instrument | None:
    """Return the test card with this number. Spaces and dashes are ignored."""
    return BY_NUMBER.get(number.replace(" ", "").replace("-", ""))


def by_name(test_id: str) -> Instrument | None:
    """Return the test card with a name such as `pm_card_visa`, `pm_card_visa_chargeDeclined` or `tok_visa`."""
    name = test_id.removeprefix("pm_card_").removeprefix("tok_")
    return CARDS.get(name) or CARDS.get(name.removeprefix("visa_"))


def bank_debit(kind: str, settles: Settlement, number: str = "0000000000003000") -> Instrument:
    """Return a bank account that settles later."""
    return Instrument(kind=kind, brand=kind, number=number, country="AT", settles=settles)
