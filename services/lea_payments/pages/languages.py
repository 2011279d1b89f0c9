"""The languages of the pages: choosing one for a reader, its messages, and how it writes money; knows no payment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from babel import Locale, numbers
from babel.messages.pofile import read_po

from lea_payments.payment import money

TAGS = ("en", "zh-Hans", "ms", "ta")
"""Singapore's four, as BCP 47 tags. The first one's words are the messages themselves, and it serves all others."""

_BY_PRIMARY_SUBTAG = {tag.partition("-")[0]: tag for tag in TAGS}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_RANGES_READ = 20


@dataclass(frozen=True, slots=True)
class Language:
    """One language with its messages, by their English text."""

    tag: str
    locale: Locale
    messages: Mapping[str, str]

    def say(self, message: str) -> str:
        """The message in this language."""
        return self.messages.get(message, message)

    def amount(self, minor_units: int, currency: str) -> str:
        """Money as a reader of this language writes it, with the currency's code, which is the same in all.

        A currency that people write without decimals is shown with them when there is something behind the point.
        """
        code = currency.upper()
        number = money.major_units(minor_units, code).normalize()
        pattern = self.locale.currency_formats["standard"].pattern.replace("¤", "¤¤\N{NO-BREAK SPACE}")
        return numbers.format_currency(number, code, pattern, locale=self.locale, decimal_quantization=False)


def load() -> Mapping[str, Language]:
    """Every language by its tag, read from the catalogs."""
    return {tag: _load(tag) for tag in TAGS}


def choose(accept_language: str) -> str:
    """The tag for a reader who asks for these languages (RFC 9110, 12.5.4); ranges that cannot be read are passed over.

    Only a range's primary subtag counts: every written form of Chinese is served with ours.
    """
    weights: dict[str, float] = {}
    for part in accept_language.split(",")[:_RANGES_READ]:
        found = _RANGE.fullmatch(part)
        if found is not None:
            subtag = found[1].lower()
            weights[subtag] = max(weights.get(subtag, 0), float(found[2] or 1))
    rest = weights.get("*", 0)
    ranked = sorted(_BY_PRIMARY_SUBTAG, key=lambda subtag: -weights.get(subtag, rest))
    return _BY_PRIMARY_SUBTAG[ranked[0]]


def _load(tag: str) -> Language:
    locale = Locale.parse(tag, sep="-")
    if tag == TAGS[0]:
        return Language(tag, locale, {})
    path = resources.files("lea_payments.pages") / "locale" / str(locale) / "LC_MESSAGES" / "pages.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale=locale, abort_invalid=True)
    return Language(tag, locale, {str(message.id): str(message.string) for message in catalog if message.id})
