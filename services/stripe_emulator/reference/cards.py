"""Lists Stripe's test cards and test bank accounts, and how they behave."""

from dataclasses import dataclass
from typing import Literal, get_args

from stripe_emulator.reference.numbers import without_spaces

Result = Literal["succeeded", "failed"]
Risk = Literal["normal", "elevated", "highest"]
# When a card asks for 3-D Secure: for every payment; unless it was set up for payments without the customer; the same,
# and it is set up already; or always, but without a page.
Authentication = Literal["always", "unless_set_up", "already_set_up", "frictionless"]


@dataclass(frozen=True)
class Decline:
    """Why a charge is declined: Stripe's codes, and the message for the customer."""

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
    funding: str = "credit"
    authentication: Authentication | None = None
    decline: Decline | None = None
    risk: Risk = "normal"
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
_GENERIC, _NO_FUNDS, _FRAUDULENT = map(_declined, ("generic_decline", "insufficient_funds", "fraudulent"))
DEBIT_FAILED = Decline(
    "payment_intent_payment_attempt_failed", None, "The payment failed: the customer's bank refused it."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

# Rows from https://docs.stripe.com/testing under Stripe's own names: `pm_card_<name>` and `tok_<name>`.
CARDS: dict[str, Instrument] = {
    "visa": Instrument(),
    "visa_debit": Instrument(number="4000056655665556", funding="debit"),
    "mastercard": Instrument(brand="mastercard", number="5555555555554444"),
    "mastercard_debit": Instrument(brand="mastercard", number="5200828282828210", funding="debit"),
    "mastercard_prepaid": Instrument(brand="mastercard", number="5105105105105100", funding="prepaid"),
    "amex": Instrument(brand="amex", number="378282246310005"),
    "discover": Instrument(brand="discover", number="6011111111111117"),
    "diners": Instrument(brand="diners", number="3056930009020004"),
    "jcb": Instrument(brand="jcb", number="3566002020360505", country="JP"),
    "unionpay": Instrument(brand="unionpay", number="6200000000000005", country="CN"),
    "visa_cartesBancaires": Instrument(number="4000002500001001", country="FR"),
    "mastercard_cartesBancaires": Instrument(brand="mastercard", number="5555552500001001", country="FR"),
    "visa_debit_eftposAuCoBranded": Instrument(number="4000050360000001", country="AU", funding="debit"),
    "mastercard_debit_eftposAuCoBranded": Instrument(
        brand="mastercard", number="5555050360000080", country="AU", funding="debit"
    ),
    "debit_visaHsaProductCode": Instrument(number="4000051230000072", funding="debit"),
    "mastercard_debit_mastercardFsaProductCode": Instrument(
        brand="mastercard", number="5200828282828897", funding="debit"
    ),
    "ae_mastercard": Instrument(brand="mastercard", number="5200007840000022", country="AE"),
    "gb_debit": Instrument(number="4000058260000005", country="GB", funding="debit"),
    "gb_mastercard": Instrument(brand="mastercard", number="5555558265554449", country="GB"),
    "th_credit": Instrument(number="4000007640000003", country="TH"),
    "th_debit": Instrument(number="4000057640000008", country="TH", funding="debit"),
    "chargeDeclined": Instrument(number="4000000000000002", decline=_GENERIC),
    "chargeDeclinedInsufficientFunds": Instrument(number="4000000000009995", decline=_NO_FUNDS),
    "chargeDeclinedLostCard": Instrument(number="4000000000009987", decline=_declined("lost_card")),
    "chargeDeclinedStolenCard": Instrument(number="4000000000009979", decline=_declined("stolen_card")),
    "chargeDeclinedExpiredCard": Instrument(number="4000000000000069", decline=_EXPIRED),
    "chargeDeclinedIncorrectCvc": Instrument(number="4000000000000127", decline=_CVC),
    "chargeDeclinedProcessingError": Instrument(number="4000000000000119", decline=_PROCESSING),
    "chargeDeclinedVelocityLimitExceeded": Instrument(
        number="4000000000006975", decline=_declined("card_velocity_exceeded")
    ),
    "chargeCustomerFail": Instrument(number="4000000000000341", decline=_GENERIC),
    # The rules that block a charge, or decline a wrong CVC, are those of a new Stripe account. The pay page asks for no
    # address, so the checks of an address never fail.
    "radarBlock": Instrument(number="4100000000000019", decline=_FRAUDULENT, risk="highest"),
    "riskLevelHighest": Instrument(number="4000000000004954", decline=_FRAUDULENT, risk="highest"),
    "riskLevelElevated": Instrument(number="4000000000009235", risk="elevated"),
    "highFraudDisputeScore": Instrument(number="4000008400000407"),
    "highEfwScore": Instrument(number="4000008400000159"),
    "radarDynamicRiskThreshold": Instrument(number="4000008400001017"),
    "adaptive3dsChallenge": Instrument(number="4000008405600003"),
    "cvcCheckFail": Instrument(number="4000000000000101", decline=_CVC),
    "cvcCheckFailElevatedRisk": Instrument(number="4000058400307872", decline=_CVC, risk="elevated"),
    "avsZipFail": Instrument(number="4000000000000036"),
    "avsZipFailElevatedRisk": Instrument(number="4000058400306072", risk="elevated"),
    "avsLine1Fail": Instrument(number="4000000000000028"),
    "avsFail": Instrument(number="4000000000000010"),
    "avsUnchecked": Instrument(number="4000000000000044"),
    "createDispute": Instrument(number="4000000000000259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Instrument(number="4000000000002685", dispute="product_not_received"),
    "createDisputeInquiry": Instrument(number="4000000000001976", dispute="fraudulent", inquiry=True),
    "createMultipleDisputes": Instrument(number="4000000404000079", dispute="fraudulent", disputes=2),
    "createCe3EligibleDispute": Instrument(number="4000000404000038", dispute="fraudulent"),
    "createComplianceDispute": Instrument(number="4000008400000779", dispute="noncompliant"),
    "createMastercardComplianceDispute": Instrument(
        brand="mastercard", number="5105008400000002", dispute="noncompliant"
    ),
    "createAutoRepresentmentEligibleDispute": Instrument(number="4000000001000043", dispute="fraudulent"),
    # An account that is not enrolled in the prevention of disputes gets a dispute.
    "createRapidDisputeResolutionDispute": Instrument(number="4000000404004816", dispute="fraudulent"),
    "createCe3BlockDispute": Instrument(number="4000000404005649", dispute="fraudulent"),
    "createEthocaAlert": Instrument(brand="mastercard", number="5105000300000018", dispute="fraudulent"),
    "createIssuerFraudRecord": Instrument(number="4000000000005423", fraud_warning="made_with_stolen_card"),
    "refundFail": Instrument(number="4000000000005126", refund=Settlement("failed", 1)),
    "pendingRefund": Instrument(number="4000000000007726", refund=Settlement("succeeded", 180)),
    "bypassPending": Instrument(number="4000000000000077"),
    "bypassPendingInternational": Instrument(number="4000003720000278", country="IE"),
    "authenticationRequiredOnSetup": Instrument(
        number="4000002500003155", country="FR", authentication="unless_set_up"
    ),
    "authenticationRequired": Instrument(number="4000002760003184", country="DE", authentication="always"),
    "authenticationRequiredSetupForOffSession": Instrument(
        number="4000003800000446", country="IT", authentication="already_set_up"
    ),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Instrument(
        number="4000008260003178", country="GB", authentication="unless_set_up", decline=_NO_FUNDS
    ),
    "threeDSecure2Required": Instrument(number="4000000000003220", country="IE", authentication="always"),
    "threeDSecureRequiredChargeDeclined": Instrument(
        number="4000008400001629", authentication="always", decline=_GENERIC
    ),
    # The look-up of the authentication fails, so that there is no page.
    "threeDSecureRequiredProcessingError": Instrument(number="4000008400001280", decline=_GENERIC),
    # By default nothing requests the authentication that these cards support.
    "threeDSecureOptional": Instrument(number="4000000000003055"),
    "threeDSecureOptionalProcessingError": Instrument(number="4000000000003097"),
}
# A successful Visa card of each country, under the country's code.
_COUNTRIES = {
    "ar": "4000000320000021", "br": "4000000760000002", "ca": "4000001240000000", "cl": "4000001520000001",
    "co": "4000001700000003", "cr": "4000001880000005", "ec": "4000002180000000", "mx": "4000004840008001",
    "pa": "4000005910000000", "py": "4000006000000066", "pe": "4000006040000068", "uy": "4000008580000003",
    "ae": "4000007840000001", "at": "4000000400000008", "be": "4000000560000004", "bg": "4000001000000000",
    "by": "4000001120000005", "hr": "4000001910000009", "cy": "4000001960000008", "cz": "4000002030000002",
    "dk": "4000002080000001", "ee": "4000002330000009", "fi": "4000002460000001", "fr": "4000002500000003",
    "de": "4000002760000016", "gi": "4000002920000005", "gr": "4000003000000030", "hu": "4000003480000005",
    "ie": "4000003720000005", "it": "4000003800000008", "lv": "4000004280000005", "li": "4000004380000004",
    "lt": "4000004400000000", "lu": "4000004420000006", "mt": "4000004700000007", "nl": "4000005280000002",
    "no": "4000005780000007", "pl": "4000006160000005", "pt": "4000006200000007", "ro": "4000006420000001",
    "sa": "4000006820000007", "si": "4000007050000006", "sk": "4000007030000001", "es": "4000007240000007",
    "se": "4000007520000008", "ch": "4000007560000009", "gb": "4000008260000000", "au": "4000000360000006",
    "cn": "4000001560000002", "hk": "4000003440000004", "in": "4000003560000008", "jp": "4000003920000003",
    "my": "4000004580000002", "nz": "4000005540000008", "sg": "4000007020000003", "tw": "4000001580000008",
}  # fmt: skip
CARDS |= {code: Instrument(number=number, country=code.upper()) for code, number in _COUNTRIES.items()}
# Stripe has several names for these.
ALIASES = {
    "us": "visa",
    "amex_threeDSecureNotSupported": "amex",
    "chargeDeclinedFraudulent": "radarBlock",
    "debit_visaFsaProductCode": "debit_visaHsaProductCode",
}
# Cards without a name.
UNNAMED = (
    Instrument(brand="mastercard", number="2223003122003222"),
    Instrument(brand="amex", number="371449635398431"),
    Instrument(brand="discover", number="6011000990139424"),
    Instrument(brand="discover", number="6011981111111113", funding="debit"),
    Instrument(brand="discover", number="6555900000604105"),
    Instrument(brand="diners", number="36227206271667"),
    Instrument(brand="jcb", number="3530111333300000", country="JP"),
    Instrument(brand="unknown", number="5062210000000009", country="MX"),  # Carnet
    Instrument(brand="unionpay", number="6200000000000047", country="CN", funding="debit"),
    Instrument(brand="unionpay", number="6205500000000000004", country="CN"),
    Instrument(number="4000008400000027", authentication="always"),
    Instrument(number="4000000032200000", authentication="frictionless"),
    *(Instrument(number=f"4000582600000{end}", authentication="always") for end in ("094", "045", "102", "110")),
)
BY_NUMBER = {card.number: card for card in (*CARDS.values(), *UNNAMED)}

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
    return BY_NUMBER.get(without_spaces(number))


def by_name(test_id: str) -> Instrument | None:
    """Return the test card with a name such as `pm_card_visa`, `pm_card_visa_chargeDeclined` or `tok_visa`."""
    name = test_id.removeprefix("pm_card_").removeprefix("tok_")
    short = name.removeprefix("visa_")
    return CARDS.get(ALIASES.get(name, name)) or CARDS.get(ALIASES.get(short, short))


def bank_debit(kind: str, settles: Settlement, number: str = "0000000000003000") -> Instrument:
    """Return a bank account that settles later."""
    return Instrument(kind=kind, brand=kind, number=number, country="AT", settles=settles)
