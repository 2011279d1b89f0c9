"""Defines the settings that make the customers' pages those of a company, and checks them; pure."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from lea_payments.text.visible import visible_text

LANGUAGE_TAGS = ("en", "zh-Hans", "ms", "ta")
"""The languages of the pages as BCP 47 tags: Singapore's four official ones. English comes first, as the default."""

NAME_LENGTH, TEXT_LENGTH, URL_LENGTH = 60, 500, 500
LOGO_BYTES = 32 * 1024
"""The largest logo: it is a part of every page, because the pages load nothing."""

_HOST = r"([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}"
_WEB_URL = re.compile(rf"(https://{_HOST}|http://(localhost|127\.0\.0\.1))(:[0-9]{{1,5}})?([/?#][\x21-\x7e]*)?")
_MAIL = re.compile(rf"mailto:[A-Za-z0-9.!#$%&'*+/=^_`{{|}}~-]{{1,64}}@{_HOST}")
_PHONE = re.compile(r"tel:\+?[0-9](-?[0-9]){2,19}")
_LOGO = re.compile(r"data:(image/[a-z+]+);base64,([A-Za-z0-9+/]+={0,2})")
_LOGO_SIGNATURES: Mapping[str, re.Pattern[bytes]] = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/svg+xml": re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]", re.DOTALL),
}
"""How a file of each type begins. A browser runs no script of an SVG that is an image."""


def _checked_text(text: str, length: int) -> str:
    if not text or len(text) > length:
        raise ValueError(f"must have 1 to {length} characters")
    if visible_text(text) != text:
        raise ValueError("contains a control character: remove it")
    return text


def _checked_name(text: str) -> str:
    return _checked_text(text, NAME_LENGTH)


def _checked_url(text: str) -> str:
    if text and not (len(text) <= URL_LENGTH and _WEB_URL.fullmatch(text)):
        raise ValueError(f"is not an https URL of at most {URL_LENGTH} characters")
    return text


def _checked_contact(text: str) -> str:
    if text and not (len(text) <= URL_LENGTH and any(form.fullmatch(text) for form in (_WEB_URL, _MAIL, _PHONE))):
        raise ValueError("is not an https URL, mailto:help@example.com or tel:+6561234567")
    return text


def _checked_logo(text: str) -> str:
    if not text:
        return text
    match = _LOGO.fullmatch(text)
    signature = _LOGO_SIGNATURES.get(match[1]) if match else None
    if match is None or signature is None:
        raise ValueError(f"is not data:TYPE;base64,… with one of the types {', '.join(_LOGO_SIGNATURES)}")
    try:
        image = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise ValueError("is not valid base64") from None
    if len(image) > LOGO_BYTES:
        raise ValueError(f"has {len(image)} bytes: use an image of at most {LOGO_BYTES}")
    if signature.match(image) is None:
        raise ValueError(f"is not an image of the type {match[1]}")
    return text


def _read_texts(value: Any) -> Any:
    """The JSON object; pydantic-settings would report invalid JSON in a form of its own."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        raise ValueError('is not JSON such as {"en": "Your policy arrives by e-mail."}') from None


def _checked_texts(texts: Mapping[str, str]) -> Mapping[str, str]:
    unknown = [tag for tag in texts if tag not in LANGUAGE_TAGS]
    if unknown:
        raise ValueError(f"has the language {visible_text(unknown[0][:20])}: use only {', '.join(LANGUAGE_TAGS)}")
    if texts and LANGUAGE_TAGS[0] not in texts:
        raise ValueError("lacks en, which the other languages fall back to")
    return {tag: _checked_text(text.strip(), TEXT_LENGTH) for tag, text in texts.items()}


def _checked_zone(name: str) -> str:
    zone_of(name)
    return name


def zone_of(name: str) -> tzinfo:
    """The time zone of this name. Raises ValueError. UTC needs no database of time zones."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError("is not a time zone such as Asia/Singapore, or this machine has no tzdata: use UTC") from None


def _setting(name: str, description: str, check: Callable[[str], str]) -> tuple[Any, ...]:
    strip = BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)
    return strip, AfterValidator(check), Field(validation_alias=name, description=description)


BrandName = Annotated[
    str, *_setting("PAGES_BRAND_NAME", f"name at the top of the pages, at most {NAME_LENGTH} characters", _checked_name)
]
Logo = Annotated[
    str,
    *_setting(
        "PAGES_LOGO",
        "logo beside the name: a data URI, in base64, of a PNG, JPEG, WebP or SVG image of at most "
        f"{LOGO_BYTES // 1024} KiB",
        _checked_logo,
    ),
]
SupportContact = Annotated[
    str,
    *_setting(
        "PAGES_SUPPORT_CONTACT",
        "where customers get help: `mailto:help@example.com`, `tel:+6561234567` or an https URL",
        _checked_contact,
    ),
]
ConversationUrl = Annotated[
    str,
    *_setting("PAGES_CONVERSATION_URL", "https URL of the conversation, to which the pages lead back", _checked_url),
]
NextSteps = Annotated[
    Mapping[str, str],
    NoDecode,
    BeforeValidator(_read_texts),
    AfterValidator(_checked_texts),
    Field(
        validation_alias="PAGES_NEXT_STEPS",
        description="what happens after a payment, as JSON with a text for each language: "
        '`{"en": "…", "zh-Hans": "…", "ms": "…", "ta": "…"}`; `en` is required',
    ),
]
TimeZone = Annotated[
    str, *_setting("PAGES_TIME_ZONE", "time zone of the times on the pages, such as Asia/Singapore", _checked_zone)
]


class BrandSettings(BaseSettings):
    """The settings that make the pages those of a company. A class of settings that has them names this one first."""

    brand_name: BrandName = "LEA Payments"
    logo: Logo = ""
    support_contact: SupportContact = ""
    conversation_url: ConversationUrl = ""
    next_steps: NextSteps = {}
    time_zone: TimeZone = "UTC"
