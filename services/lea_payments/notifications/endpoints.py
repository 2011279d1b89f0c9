"""Reads the endpoints of notifications, their secrets and their event filters from settings; pure."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from lea_payments.secrets.rules import NOTIFY_SECRET, SecretError, split_list

DEFAULT = "default"
"""The name of an endpoint that has none."""

EVENT_TYPES = ("payment.pending", "payment.completed", "payment.failed", "payment.expired")
"""The types of notifications: the payment's status after the change."""

ENDPOINT_LIMIT = 10
SECRET_LIMIT = 4
"""The most endpoints, which bounds the metrics and the records, and the most secrets of one endpoint."""

_NAME = "[a-z][a-z0-9-]{0,29}"
_NAMED_URL = re.compile(rf"({_NAME})=(?=[A-Za-z][A-Za-z0-9+.-]*:)")
_NAMED = re.compile(rf"({_NAME})=(?=.)")
_NAMED_SECRET = re.compile(r"([^=]*)=(?=whsec_)")

Secrets = Mapping[str, Sequence[str]]
"""The secrets of each endpoint by its name, the current one first."""


class Endpoint(NamedTuple):
    """A receiver of notifications, and the types that it gets."""

    name: str
    url: str
    types: frozenset[str] = frozenset(EVENT_TYPES)


def endpoints(urls: str, events: str, *, allow_http: bool) -> tuple[Endpoint, ...]:
    """The endpoints of NOTIFY_URL with the filters of NOTIFY_EVENTS. Raises ValueError, which quotes no URL."""
    named = _by_name(urls, _NAMED_URL, "NOTIFY_URL")
    if not named:
        raise ValueError("NOTIFY_URL is missing: set it to the https URL of your receiver")
    for name, found in named.items():
        if len(found) > 1:
            raise ValueError(f"NOTIFY_URL: two endpoints have the name {name}: write each as name=url")
        if problem := _problem(found[0], allow_http=allow_http):
            raise ValueError(f"NOTIFY_URL: the URL of endpoint {name} {problem}")
    if len(named) > ENDPOINT_LIMIT:
        raise ValueError(f"NOTIFY_URL: more than {ENDPOINT_LIMIT} endpoints: let one receiver pass them on")
    types = _types(events, tuple(named))
    return tuple(Endpoint(name, found[0], types.get(name, frozenset(EVENT_TYPES))) for name, found in named.items())


def secrets(text: str, names: Sequence[str]) -> Secrets:
    """The secrets of the endpoints with these names. Raises SecretError, which shows no part of a secret."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for number, item in enumerate(split_list(text), 1):
        match = _NAMED_SECRET.match(item)
        name = match[1] if match else _only(names)
        if name not in found:
            raise SecretError(f"number {number} names no endpoint of NOTIFY_URL: write each as name=whsec_…")
        found[name].append(item[match.end() :] if match else item)
    for name, own in found.items():
        if not own:
            raise SecretError(f"endpoint {name} has no secret")
        if len(own) > SECRET_LIMIT:
            raise SecretError(f"endpoint {name} has more than {SECRET_LIMIT} secrets: remove the old ones")
        if problem := NOTIFY_SECRET.problem(own, is_local=False):
            raise SecretError(f"endpoint {name}: {problem}")
    return found


def _only(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else DEFAULT


def _by_name(text: str, pattern: re.Pattern[str], variable: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, item in enumerate(split_list(text), 1):
        match = pattern.match(item)
        value = item[match.end() :] if match else item
        if not match and "=" in item.partition("/")[0]:
            raise ValueError(
                f"{variable}: number {number} has no valid name: use a-z, 0-9 and -, at most 30 characters"
            )
        found.setdefault(match[1] if match else DEFAULT, []).append(value)
    return found


def _types(events: str, names: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """The types of each endpoint that has a filter. A filter without a name is that of all endpoints."""
    for_all: set[str] = set()
    found: dict[str, frozenset[str]] = {}
    for item in split_list(events):
        match = _NAMED.match(item)
        types = {one.strip() for one in item[match.end() if match else 0 :].split("|")}
        if unknown := sorted(types.difference(EVENT_TYPES)):
            raise ValueError(f"NOTIFY_EVENTS: {unknown[0]!r} is not a type: use {', '.join(EVENT_TYPES)}")
        if match is None:
            for_all |= types
        elif match[1] not in names:
            raise ValueError(f"NOTIFY_EVENTS: NOTIFY_URL has no endpoint {match[1]}")
        else:
            found[match[1]] = found.get(match[1], frozenset()) | types
    return {**(dict.fromkeys(names, frozenset(for_all)) if for_all else {}), **found}


class _Rule(NamedTuple):
    """What the URL of an endpoint must not be."""

    problem: str
    applies: Callable[[str], bool]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_link_local(url: str) -> bool:
    try:
        return ipaddress.ip_address(_host(url).partition("%")[0]).is_link_local
    except ValueError:
        return False


def _has_invalid_port(url: str) -> bool:
    try:
        return urlsplit(url).port == 0
    except ValueError:
        return True


_RULES: Sequence[_Rule] = (
    _Rule("has a space or a character that is not ASCII", lambda url: re.search(r"[^\x21-\x7e]|\\", url) is not None),
    _Rule("does not begin with https:// or http://", lambda url: urlsplit(url).scheme not in ("https", "http")),
    _Rule("names no host", lambda url: not _host(url)),
    _Rule("has a port that is not a number from 1 to 65535", _has_invalid_port),
    _Rule("has a user or password: receivers verify the signature", lambda url: "@" in urlsplit(url).netloc),
    _Rule("has a fragment (#): remove it", lambda url: "#" in url),
    _Rule("is a link-local address, as that of a cloud's metadata service", _is_link_local),
)


def _problem(url: str, *, allow_http: bool) -> str:
    """What is wrong with a URL, without any part of it; empty if nothing is."""
    try:
        problem = next((rule.problem for rule in _RULES if rule.applies(url)), "")
    except ValueError:
        return "cannot be read"
    if not problem and not allow_http and urlsplit(url).scheme == "http":
        return "is not https: set NOTIFY_ALLOW_HTTP=true in development only"
    return problem


def subscribers(configured: Sequence[Endpoint], event_type: str) -> Iterator[Endpoint]:
    """Yields the endpoints that get notifications of this type."""
    return (endpoint for endpoint in configured if event_type in endpoint.types)
