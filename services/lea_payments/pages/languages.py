"""Chooses a customer's language, translates the texts of the pages and formats amounts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib import resources

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

from lea_payments.brand import LANGUAGE_TAGS
from lea_payments.payment import money

TAGS = LANGUAGE_TAGS
"""English is the language of the messages, and the default."""

_DATE_LOCALES = {"en": "en-SG"}
"""The locales of dates that differ from the language's: `en` alone is American."""

_BY_PRIMARY_SUBTAG = {tag.partition("-")[0]: tag for tag in TAGS}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_MAX_RANGES = 20
"""A browser sends a few language ranges; a longer header is read up to here."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `messages` maps the English text to its translation."""

    tag: str
    locale: Locale
    messages: Mapping[str, str]

    def translate(self, message: str) -> str:
        """Translates a message. A message without translation stays English."""
        return self.messages.get(message, message)

    def amount(self, minor_units: int, currency: str) -> str:
        """Formats money for this language, with the currency's code instead of a symbol.

        The decimals are Stripe's: CLDR has none for currencies such as LAK, which Stripe charges in hundredths.
        """
        code = currency.upper()
        decimals = money.decimals_shown(minor_units, code)
        text = self.locale.currency_formats["standard"].pattern.replace("¤", "¤¤\N{NO-BREAK SPACE}")
        pattern = numbers.parse_pattern(text)
        pattern.frac_prec = (decimals, decimals)
        number = money.major_units(minor_units, code)
        formatted: str = pattern.apply(number, self.locale, currency=code, currency_digits=False)
        return formatted

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """Formats a date with its time and the name of the time zone."""
        local, locale = at.astimezone(zone), self._date_locale
        day, time = dates.format_date(local, "long", locale), dates.format_time(local, "short", zone, locale)
        return f"{day}, {time} ({dates.get_timezone_name(local, 'long', locale=locale)})"

    def time(self, seconds: int, zone: tzinfo) -> str:
        """Formats the time of the day, with seconds. `seconds` counts since 1970."""
        return dates.format_time(datetime.fromtimestamp(seconds, zone), "medium", zone, self._date_locale)

    @property
    def _date_locale(self) -> Locale:
        return Locale.parse(_DATE_LOCALES.get(self.tag, self.tag), sep="-")


def load() -> Mapping[str, Language]:
    """Loads all languages, by their tags."""
    return {tag: _load(tag) for tag in TAGS}


def choose(accept_language: str, payment_language: str | None = None) -> str:
    """The tag of the payment's language, or else of the best one for an Accept-Language header (RFC 9110, 12.5.4).

    The payment's language comes first: the customer has read the conversation and the pay page in it.
    Invalid ranges are ignored. Only the primary subtag counts, so that every form of Chinese gets Simplified Chinese.
    """
    own = _BY_PRIMARY_SUBTAG.get(re.split("[-_]", (payment_language or "").lower())[0])
    if own is not None:
        return own
    weights: dict[str, float] = {}
    for text in accept_language.split(",")[:_MAX_RANGES]:
        match = _RANGE.fullmatch(text)
        if match is not None:
            subtag = match[1].lower()
            weights[subtag] = max(weights.get(subtag, 0), float(match[2] or 1))
    default = weights.get("*", 0)
    ranked = sorted(_BY_PRIMARY_SUBTAG, key=lambda subtag: -weights.get(subtag, default))
    return _BY_PRIMARY_SUBTAG[ranked[0]]


def _load(tag: str) -> Language:
    locale = Locale.parse(tag, sep="-")
    if tag == TAGS[0]:
        return Language(tag, locale, {})
    path = resources.files("lea_payments.pages") / "locale" / str(locale) / "LC_MESSAGES" / "pages.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale=locale, abort_invalid=True)
    return Language(tag, locale, {str(message.id): str(message.string) for message in catalog if message.id})
