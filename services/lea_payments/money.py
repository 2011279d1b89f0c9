"""How Stripe writes an amount, by currency, and which amounts it takes; pure, never a float.

From docs.stripe.com/currencies ("Zero-decimal currencies", "Three-decimal currencies", "Special cases"). This is
Stripe's table, not ISO 4217's: an amount on the wire means what Stripe says it means.
"""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches

ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
"""An amount of these is in whole units: 500 is 500 yen."""

THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""An amount of these is in thousandths, of which the last digit must be 0."""

WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
"""Written with two decimals all the same, which must be 00: 500 is 5 króna."""


_CURRENCIES = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
    cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr
    isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn
    myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle
    sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())
"""What Stripe takes payments in ("Supported presentment currencies"); Stripe's own refusal has the last word."""

MINIMUM: Mapping[str, int] = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
"""Where the account is paid out in the same currency; where not, Stripe converts and may ask for a little more."""

MAXIMUM = 999_999_999_999
"""Twelve digits, the most that any card takes; some cards and most other methods take fewer."""


class NotChargeable(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when Stripe would refuse the money; the text says what to send instead."""

    def __init__(self, code: str, param: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def check(amount: int, currency: str) -> None:
    """Raises NotChargeable unless Stripe takes this amount, in minor units, of this currency; any letter case."""
    code = currency.lower()
    if code not in CURRENCIES:
        raise NotChargeable("unknown_currency", "currency", _unknown(currency))
    least = MINIMUM.get(code, 1)
    if amount < least:
        raise NotChargeable("amount_too_small", "amount", f"The least for {code} is {_both(least, code)}.")
    if amount > MAXIMUM:
        raise NotChargeable("amount_too_large", "amount", f"The most is {MAXIMUM}, twelve digits.")
    if code in THREE_DECIMAL and amount % 10:
        raise NotChargeable("amount_precision", "amount", f"The last of the three decimals of {code} must be 0.")
    if code in WHOLE_UNITS_ONLY and amount % 100:
        raise NotChargeable("amount_precision", "amount", f"Send {code} with two decimals that are 00: 500 is 5.")


def exponent(currency: str) -> int:
    """How many digits of an amount stand behind the point; any letter case."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def major_units(amount: int, currency: str) -> Decimal:
    """An amount in minor units as the number a person reads: 1234 of `sgd` is 12.34."""
    return Decimal(amount).scaleb(-exponent(currency))


def _both(amount: int, code: str) -> str:
    return f"{amount}, that is {major_units(amount, code)} {code.upper()}"


def _unknown(currency: str) -> str:
    near = get_close_matches(currency.lower(), sorted(CURRENCIES), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"Stripe takes no payments in this currency; {hint}send one of {', '.join(sorted(CURRENCIES))}."
