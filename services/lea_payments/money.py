"""How many decimals Stripe writes an amount with, by currency, and amounts in major units; pure, never a float.

From docs.stripe.com/currencies ("Zero-decimal currencies", "Three-decimal currencies", "Special cases"). This is
Stripe's table, not ISO 4217's: an amount on the wire means what Stripe says it means.
"""

from decimal import Decimal

ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
"""An amount of these is in whole units: 500 is 500 yen."""

THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""An amount of these is in thousandths, of which the last digit must be 0."""

WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
"""Written with two decimals all the same, which must be 00: 500 is 5 króna."""


def exponent(currency: str) -> int:
    """How many digits of an amount stand behind the point; any letter case."""
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def major_units(amount: int, currency: str) -> Decimal:
    """An amount in minor units as the number a person reads: 1234 of `sgd` is 12.34."""
    return Decimal(amount).scaleb(-exponent(currency))
