"""Converts amounts between minor and major units and checks them against Stripe's limits for each currency."""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches

# The tables are Stripe's, not ISO 4217's: docs.stripe.com/currencies, "Zero-decimal currencies", "Three-decimal
# currencies" and "Special cases". Amounts are integers or decimals, never floats.
ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
"""Amounts are in whole units: 500 is 500 yen."""

THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""Amounts are in thousandths, and the last digit must be 0."""

WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
"""Amounts have two decimals although the currency has none; both must be 0: 500 is 5 króna."""

_CURRENCIES = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
    cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr
    isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn
    myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle
    sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())
"""The currencies that Stripe accepts ("Supported presentment currencies"). Stripe can still reject one of them."""

MINIMUM: Mapping[str, int] = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
"""Stripe's minimum if the account is paid out in the same currency. Otherwise Stripe converts and may require more."""

MAXIMUM = 999_999_999_999
"""Twelve digits, the maximum of any card. Some cards and most other payment methods have a lower one."""

SIMILAR = 0.75
"""How much a currency must look like a code to be suggested: one letter more or less. A wrong one could be sent."""


class NotChargeableError(Exception):
    """Raised when Stripe would reject an amount or currency. The message says what to send instead."""

    def __init__(self, code: str, param: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def check(amount: int, currency: str) -> None:
    """Raises NotChargeableError unless Stripe accepts this amount, in minor units, of this currency, in any case."""
    code = currency.lower()
    if code not in CURRENCIES:
        raise NotChargeableError("unknown_currency", "currency", _unknown_currency(currency))
    minimum = MINIMUM.get(code, 1)
    if amount < minimum:
        least = _in_both_units(minimum, code)
        raise NotChargeableError("amount_too_small", "amount", f"The minimum for {code} is {least}.")
    if amount > MAXIMUM:
        raise NotChargeableError("amount_too_large", "amount", f"The maximum is {MAXIMUM} (twelve digits).")
    if code in THREE_DECIMAL and amount % 10:
        raise NotChargeableError("amount_precision", "amount", f"The last of three decimals must be 0 in {code}.")
    if code in WHOLE_UNITS_ONLY and amount % 100:
        raise NotChargeableError("amount_precision", "amount", f"The last two digits must be 00 in {code}: 500 is 5.")


def exponent(currency: str) -> int:
    """The number of decimals of an amount in this currency, in any case."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def major_units(amount: int, currency: str) -> Decimal:
    """Converts an amount from minor to major units: 1234 of `sgd` is 12.34."""
    return Decimal(amount).scaleb(-exponent(currency))


def decimals_shown(amount: int, currency: str) -> int:
    """The number of decimals with which an amount is shown: as many as Stripe charges in.

    Krónur and Ugandan shillings have decimals only in Stripe's API; Checkout shows and charges whole ones.
    """
    is_whole = currency.lower() in WHOLE_UNITS_ONLY and amount % 100 == 0
    return 0 if is_whole else exponent(currency)


def _in_both_units(amount: int, code: str) -> str:
    return f"{amount} ({major_units(amount, code)} {code.upper()})"


def _unknown_currency(currency: str) -> str:
    similar = get_close_matches(currency.lower(), sorted(CURRENCIES), n=3, cutoff=SIMILAR)
    hint = f"did you mean {' or '.join(similar)}? " if similar else ""
    return f"Stripe does not accept this currency; {hint}send one of {', '.join(sorted(CURRENCIES))}."
