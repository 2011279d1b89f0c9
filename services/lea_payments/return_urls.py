"""Decides to which addresses customers may return after they have paid, and builds them; pure."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl, quote

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

LENGTH = 500
PARAMETER = "payment_id"
"""What the pages add to an address, and nothing else."""

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_URL = re.compile(
    rf"(?P<origin>(https://({_LABEL}\.)*{_LABEL}|http://(localhost|127\.0\.0\.1))(?P<port>:[0-9]{{1,5}})?)"
    r"(?P<path>/[!$-;=@-\[\]_a-z~%]*)?(?P<query>\?[!$-;=?@-\[\]_a-z~%]*)?(?P<fragment>\#[!$-;=?@-\[\]_a-z~%]*)?",
    re.IGNORECASE,
)
"""An address that every program reads in the same way: no user, no backslash, no space, nothing outside ASCII."""

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_EXAMPLE = "https://chat.example.com"


class _Address(NamedTuple):
    origin: str
    before_query: str
    query: str
    fragment: str


def _address_of(url: str) -> _Address | None:
    """The parts of an address, or None if it is not one to which a customer may ever return."""
    match = _match(url)
    if match is None or len(url) > LENGTH:
        return None
    query = match["query"] or ""
    if PARAMETER in (name for name, _ in parse_qsl(query[1:], keep_blank_values=True)):
        return None
    return _Address(_origin_of(match), match["origin"] + (match["path"] or "/"), query, match["fragment"] or "")


def _match(text: str) -> re.Match[str] | None:
    """The parts of an address whose port exists."""
    match = _URL.fullmatch(text)
    return match if match and int((match["port"] or ":0")[1:]) <= 65535 else None


def _origin_of(match: re.Match[str]) -> str:
    origin = match["origin"].lower()
    return origin.removesuffix(_DEFAULT_PORTS[origin.partition(":")[0]])


def is_well_formed(url: str) -> bool:
    """Whether a customer could return to this address if its origin were allowed."""
    return _address_of(url) is not None


def is_allowed(url: str, origins: Sequence[str]) -> bool:
    """Whether customers may return to this address."""
    address = _address_of(url)
    return address is not None and address.origin in origins


def way_back(url: str | None, payment_id: str, origins: Sequence[str]) -> str | None:
    """The address with the payment's id, or None if customers may not return to it: people write records, too."""
    address = _address_of(url or "")
    if address is None or address.origin not in origins:
        return None
    query = f"{address.query}&" if len(address.query) > 1 else "?"
    return f"{address.before_query}{query}{PARAMETER}={quote(payment_id, safe='')}{address.fragment}"


def _read_origins(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(_checked_origin(one.strip(), number) for number, one in enumerate(value.split(","), 1)))


def _checked_origin(text: str, number: int) -> str:
    match = _match(text)
    if match is None or match["origin"] != text:
        raise ValueError(f"has no origin at number {number}: use one such as {_EXAMPLE}, without a path or a wildcard")
    return _origin_of(match)


ReturnUrlOrigins = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_read_origins),
    Field(
        validation_alias="RETURN_URL_ORIGINS",
        description=f"origins to which customers may return from the pages, such as `{_EXAMPLE}`, comma-separated; the "
        "same for `checkout` and `pages`. Without it no `return_url` is accepted",
    ),
]
