"""Names the payment method of a payment for its customer."""

from collections.abc import Mapping
from typing import NamedTuple

from lea_payments.payment.facts import Method

CARD = "card"
CARD_BRANDS: Mapping[str, str] = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos Australia",
    "jcb": "JCB",
    "link": "Link",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
"""The brands of cards (docs.stripe.com/api/charges/object, `payment_method_details.card.brand`)."""

OTHERS: Mapping[str, str] = {
    "acss_debit": "Pre-authorized debit",
    "affirm": "Affirm",
    "afterpay_clearpay": "Afterpay",
    "alipay": "Alipay",
    "amazon_pay": "Amazon Pay",
    "au_becs_debit": "BECS Direct Debit",
    "bacs_debit": "Bacs Direct Debit",
    "bancontact": "Bancontact",
    "blik": "BLIK",
    "boleto": "Boleto",
    "cashapp": "Cash App Pay",
    "eps": "EPS",
    "fpx": "FPX",
    "grabpay": "GrabPay",
    "ideal": "iDEAL",
    "kakao_pay": "Kakao Pay",
    "klarna": "Klarna",
    "konbini": "Konbini",
    "link": "Link",
    "mobilepay": "MobilePay",
    "multibanco": "Multibanco",
    "naver_pay": "Naver Pay",
    "nz_bank_account": "BECS Direct Debit",
    "oxxo": "OXXO",
    "p24": "Przelewy24",
    "payco": "PAYCO",
    "paynow": "PayNow",
    "paypal": "PayPal",
    "pix": "Pix",
    "promptpay": "PromptPay",
    "revolut_pay": "Revolut Pay",
    "samsung_pay": "Samsung Pay",
    "sepa_debit": "SEPA Direct Debit",
    "swish": "Swish",
    "twint": "TWINT",
    "us_bank_account": "ACH Direct Debit",
    "wechat_pay": "WeChat Pay",
    "zip": "Zip",
}
"""The other methods (docs.stripe.com/api/payment_methods/object, `type`). One that is not listed is not shown."""


class ShownMethod(NamedTuple):
    """A payment method as a page shows it. The name is a brand's, and empty for a card of an unknown brand.

    `spoken_last4` has a space after each digit, so that a screen reader does not read a number of thousands.
    """

    name: str
    last4: str
    spoken_last4: str


def shown(method: Method | None) -> ShownMethod | None:
    """The payment method as a page shows it, or None if there is no name for it."""
    if method is None or method.kind not in (CARD, *OTHERS):
        return None
    name = CARD_BRANDS.get(method.brand, "") if method.kind == CARD else OTHERS[method.kind]
    return ShownMethod(name, method.last4, " ".join(method.last4))
