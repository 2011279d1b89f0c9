"""Reads the values of OpenTelemetry's variables; each function raises ValueError, which says what to do.

The message shows nothing of the value, which can contain a secret.
"""

import math
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

TRACES_PATH = "/v1/traces"
MAX_INTEGER = 2**31 - 1
"""What OpenTelemetry's specification expects for integers."""

NO_LIMIT_SECONDS = 86400.0
"""How long an export without a limit may take. A socket needs a number."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REPEATED_PATH = re.compile(rf"({TRACES_PATH})+/*$")


def base_endpoint(text: str) -> str:
    """The URL for traces below a collector's URL. The path `/v1/traces` is added once, also if it is there already."""
    parts = _url(text)
    path = _REPEATED_PATH.sub("", parts.path).rstrip("/")
    return parts._replace(path=path + TRACES_PATH).geturl()


def traces_endpoint(text: str) -> str:
    """The URL for traces, as it is."""
    parts = _url(text)
    return parts._replace(path=_REPEATED_PATH.sub(TRACES_PATH, parts.path) or "/").geturl()


def _url(text: str) -> SplitResult:
    if "$(" in text:
        raise ValueError("has a variable that was not replaced: define that variable before this one")
    try:
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"\s", text):
            return parts
    except ValueError:  # a bracket that is not closed, or a port that is not a number
        pass
    raise ValueError("is not a URL: set it to one such as http://localhost:4318")


def one_of(*values: str) -> Callable[[str], str]:
    """One of these words, in upper or lower case."""

    def read(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"is not supported: use {' or '.join(values)}")
        return text.lower()

    return read


def flag(text: str) -> bool:
    """True or false."""
    return one_of("true", "false")(text) == "true"


def ratio(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError("is not a ratio: set it to a number from 0 to 1")
    return number


def integer(minimum: int) -> Callable[[str], int]:
    """An integer that is not less than the minimum."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not minimum <= int(text) <= MAX_INTEGER:
            raise ValueError(f"is not an integer from {minimum} to {MAX_INTEGER}: set it to one, without a unit")
        return int(text)

    return read


def timeout_seconds(text: str) -> float:
    """A time limit, which the variable has in milliseconds; 0 means none."""
    milliseconds = integer(0)(text)
    return min(milliseconds / 1000, NO_LIMIT_SECONDS) if milliseconds else NO_LIMIT_SECONDS


def authority_file(text: str) -> str:
    """The path of a file with certificates of authorities."""
    try:
        ssl.create_default_context(cafile=text)
    except OSError:  # also ssl.SSLError
        raise ValueError("is not a readable file with certificates: set it to the path of one in PEM") from None
    return text


def readable_file(text: str) -> str:
    """The path of a file."""
    try:
        with Path(text).open("rb"):
            return text
    except (OSError, ValueError):
        raise ValueError("is not a readable file: set it to the path of one in PEM") from None


def are_pair(certificate: str, key: str) -> bool:
    """Whether two files are a certificate and its key. Without a key, the certificate's file has both."""
    try:
        ssl.create_default_context().load_cert_chain(certificate, key or None, password=_no_password)
    except OSError:
        return False
    return True


def _no_password() -> str:
    return ""  # without this, OpenSSL would ask on the terminal


def headers(text: str) -> Mapping[str, str]:
    """Names and values of HTTP headers."""
    pairs = {name.lower(): value for name, value in _pairs(text)}
    for name, value in pairs.items():
        if not _TOKEN.fullmatch(name) or not re.fullmatch(r"[\t\x20-\x7e]*", value):
            raise ValueError("has a header that HTTP does not allow: write name=value,name=value")
    return pairs


def resource_attributes(text: str) -> Mapping[str, str]:
    """Names and values of resource attributes. One error discards all of them, as the specification says."""
    return dict(_pairs(text))


def _pairs(text: str) -> Sequence[tuple[str, str]]:
    pairs = []
    for number, item in enumerate((item for item in text.split(",") if item.strip()), 1):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name or "$(" in item:
            raise ValueError(f"has no name=value at number {number}: write name=value,name=value")
        try:
            pairs.append((unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()))
        except UnicodeDecodeError:
            raise ValueError(f"is not percent-encoded UTF-8 at number {number}: encode it") from None
    return pairs
