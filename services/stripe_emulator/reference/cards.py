"""What Stripe's test numbers do when they are charged, as tables; charges nothing itself.

Rows come from https://docs.stripe.com/testing and keep Stripe's own names for them, so that `pm_card_<name>` and
`tok_<name>` mean what they mean there.
"""

from dataclasses import dataclass
from typing import Literal

Result = Literal["succeeded", "failed"]


@dataclass(frozen=True)
class Decline:
    """Why an issuer refuses: what Stripe tells the merchant, and what the customer reads."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Settlement:
    """How and when a delayed payment ends."""

    result: Result
    after_seconds: int


@dataclass(frozen=True)
class Instrument:
    """One way to pay and everything it will do."""

    kind: str = "card"
    brand: str = "visa"
    number: str = "4242424242424242"
    country: str = "US"
    decline: Decline | None = None
    dispute: str | None = None
    inquiry: bool = False
    refund: Literal["succeeded", "fails", "pending"] = "succeeded"
    settles: Settlement | None = None

    @property
    def last4(self) -> str:
        """The only digits anyone may see again."""
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

CARDS: dict[str, Instrument] = {
    "visa": Instrument(),
    "visa_debit": Instrument(number="4000056655665556"),
    "mastercard": Instrument(brand="mastercard", number="5555555555554444"),
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
    "refundFail": Instrument(number="4000000000005126", refund="fails"),
    "pendingRefund": Instrument(number="4000000000007726", refund="pending"),
}
BY_NUMBER = {card.number: card for card in CARDS.values()}

# A bank debit is always delayed; three minutes where Stripe documents three minutes.
IBANS = {
    "AT611904300234573201": Settlement("succeeded", 1),
    "AT321904300235473204": Settlement("succeeded", 180),
    "AT861904300235473202": Settlement("failed", 1),
    "AT051904300235473205": Settlement("failed", 180),
    "IT60X0542811101000000123456": Settlement("failed", 1),
}
DELAYED_KINDS = ("sepa_debit", "bacs_debit", "us_bank_account")
INSTANT_KINDS = ("card", "link", "paynow", "grabpay", "alipay", "wechat_pay", "fpx")
# What a session offers that names no methods of its own.
DEFAULT_KINDS = ("card", "sepa_debit")


def by_number(number: str) -> Instrument | None:
    """The test card with this number, written with or without spaces."""
    return BY_NUMBER.get(number.replace(" ", "").replace("-", ""))


def by_name(test_id: str) -> Instrument | None:
    """The card behind `pm_card_visa`, `pm_card_visa_chargeDeclined`, `tok_visa` and the like."""
    name = test_id.removeprefix("pm_card_").removeprefix("tok_")
    return CARDS.get(name) or CARDS.get(name.removeprefix("visa_"))


def bank_debit(kind: str, settles: Settlement, number: str = "0000000000003000") -> Instrument:
    """An account to debit that answers later."""
    return Instrument(kind=kind, brand=kind, number=number, country="AT", settles=settles)
