"""Lists Stripe's currencies, and checks which amounts can be charged."""

from stripe_emulator.reference import errors


def _codes(names: str) -> frozenset[str]:
    return frozenset(names.split())


# https://docs.stripe.com/currencies
ZERO_DECIMAL = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL = _codes("bhd jod kwd omr tnd")
# Amounts have two decimals, and both must be zero.
WHOLE_UNITS_ONLY = frozenset({"isk", "ugx"})
MINIMUM = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
MAXIMUM = 999_999_999_999
CURRENCIES = _codes(
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad"
    " cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd"
    " hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl"
    " mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg"
    " qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah"
    " ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw"
)


def decimals(code: str) -> int:
    """Return the number of decimals of this currency."""
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def formatted(amount: int, code: str) -> str:
    """Return the amount as the pay page shows it: `SGD 1,234.50`."""
    places = decimals(code)
    whole, fraction = divmod(amount, 10**places)
    point = f".{fraction:0{places}d}" if places else ""
    return f"{code.upper()} {whole:,}{point}"


def check_chargeable(amount: int, code: str, param: str) -> None:
    """Raise a StripeApiError if Stripe does not charge this amount."""
    if amount < MINIMUM.get(code, 1):
        raise errors.invalid(
            f"Amount must be at least {formatted(MINIMUM.get(code, 1), code)}", param, "amount_too_small"
        )
    if amount > MAXIMUM:
        raise errors.invalid(f"Amount must be no more than {formatted(MAXIMUM, code)}", param, "amount_too_large")
    if code in THREE_DECIMAL and amount % 10:
        raise errors.invalid(f"Invalid amount: the last digit of {code} must be 0", param)
    if code in WHOLE_UNITS_ONLY and amount % 100:
        raise errors.invalid(f"Invalid amount: the last two digits of {code} must be 00", param)
