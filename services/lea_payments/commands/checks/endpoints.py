"""Checks the webhook endpoints at Stripe: their paths, events, API versions and signing secrets; only reads."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
import stripe

from lea_payments.commands.checks.calls import call_list
from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.secrets.rules import SecretError
from lea_payments.stripe.events import EVENT_TYPES, REQUIRED_EVENT_TYPES, WEBHOOK_PATH

PAGE_SIZE = 100
"""The largest that Stripe allows, more than the 16 endpoints that an account can have."""

DASHBOARD = "in Stripe's dashboard, Developers > Webhooks"


class _Endpoint(msgspec.Struct):
    """The fields of a webhook endpoint that are checked; a field of another type is an error of Stripe's."""

    id: str
    url: str
    status: str
    enabled_events: list[str]
    api_version: str | None = None


class _EndpointsPage(msgspec.Struct):
    data: list[_Endpoint]
    has_more: bool = False


def findings(client: stripe.StripeClient, settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    """Checks the endpoints with this URL, or those with the webhook's path."""
    endpoints = _read_endpoints(client)
    if isinstance(endpoints, stripe.PermissionError):
        remedy = f"give the restricted key read access to Webhook Endpoints, or check the endpoint {DASHBOARD}"
        yield note("endpoint", "cannot be checked with this key", remedy)
        return
    if isinstance(endpoints, stripe.StripeError):
        remedy = "check STRIPE_API_BASE and status.stripe.com, and run the check again"
        yield wrong("endpoint", "cannot be checked: Stripe's list of endpoints cannot be read", remedy)
        return
    yield from _endpoints(endpoints, endpoint_url, livemode=settings.livemode)
    yield from _secrets(endpoints, endpoint_url, settings)


def _read_endpoints(client: stripe.StripeClient) -> Sequence[_Endpoint] | stripe.StripeError:
    """All webhook endpoints, or the error if they cannot be read. A page without a new one ends the list."""
    endpoints: dict[str, _Endpoint] = {}
    after: dict[str, Any] = {}
    while True:
        result = call_list(client, "/v1/webhook_endpoints", limit=PAGE_SIZE, **after)
        if result.error is not None:
            return result.error
        try:
            page = _decode_endpoints(result.body)
        except msgspec.MsgspecError:
            return stripe.APIError("not a list of endpoints")
        read = {each.id: each for each in page.data}
        has_new = not read.keys() <= endpoints.keys()
        endpoints.update(read)
        if not page.has_more or not has_new:
            return list(endpoints.values())
        after = {"starting_after": page.data[-1].id}


_decode_endpoints = msgspec.json.Decoder(_EndpointsPage).decode


def _endpoints(endpoints: Sequence[_Endpoint], endpoint_url: str | None, *, livemode: bool) -> Iterator[Finding]:
    matches = [each for each in endpoints if _matches(each.url, endpoint_url)]
    similar = [] if endpoint_url else [each for each in endpoints if each not in matches and _is_similar(each.url)]
    if not matches and not similar:
        expected = f"URL {endpoint_url}" if endpoint_url else f"path {WEBHOOK_PATH}"
        says = f"no endpoint of {len(endpoints)} has the {expected}: no event reaches the webhook"
        remedy = f"create one {DASHBOARD}"
        yield (
            wrong("endpoint", says, remedy)
            if livemode
            else note("endpoint", says, f"{remedy}; not needed with `stripe listen --forward-to`")
        )
    for endpoint in matches:
        subject = f"endpoint {endpoint.id}"
        yield _status(subject, endpoint) if _is_served(endpoint.url) else _wrong_path(subject, endpoint.url)
        yield from _events(subject, endpoint.enabled_events)
        yield _version(subject, endpoint.api_version)

    for endpoint in similar:
        yield _wrong_path(f"endpoint {endpoint.id}", endpoint.url, is_only=not matches)


def _secrets(endpoints: Sequence[_Endpoint], endpoint_url: str | None, settings: CheckSettings) -> Iterator[Finding]:
    """Whether there is a signing secret for each endpoint: each has its own, and Stripe does not show it here."""
    enabled = [each.url for each in endpoints if each.status == "enabled" and _matches(each.url, endpoint_url)]
    try:
        count = len(settings.signing_secrets())
    except SecretError:
        return
    if not 0 < count < len(enabled):
        return
    remedy = "delete the endpoints that are not needed, or add the signing secret of each one"
    ((url, same),) = Counter(url.partition("?")[0].removesuffix("/") for url in enabled).most_common(1)
    if count < same:
        says = f"{same} enabled endpoints send to {url}, but the number of signing secrets is {count}: the webhook "
        yield wrong("endpoints", f"{says}rejects the deliveries of the others", remedy)
    else:
        says = f"{len(enabled)} enabled endpoints have this path, but the number of signing secrets is {count}"
        yield note("endpoints", says, f"{remedy}, unless they send to another installation")


def _matches(url: str, endpoint_url: str | None) -> bool:
    return url.removesuffix("/") == endpoint_url.removesuffix("/") if endpoint_url else _is_served(url)


def _is_served(url: str) -> bool:
    """Whether the webhook and its Ingress serve this path: with or without one slash at the end."""
    return _path(url).removesuffix("/") == WEBHOOK_PATH


def _is_similar(url: str) -> bool:
    """Whether the path is probably a misspelled path of the webhook."""
    path = _path(url).casefold()
    return "webhook" in path and "stripe" in path


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _wrong_path(subject: str, url: str, *, is_only: bool = True) -> Finding:
    says = f"sends to {url.partition('?')[0]}, but the webhook serves only {WEBHOOK_PATH}"
    remedy = f"change the path of its URL to {WEBHOOK_PATH} {DASHBOARD}"
    if is_only:
        return wrong(subject, says, remedy)
    return note(subject, says, f"{remedy}, unless it belongs to another system")


def _status(subject: str, endpoint: _Endpoint) -> Finding:
    url = endpoint.url.partition("?")[0]
    if endpoint.status == "enabled":
        return ok(subject, f"sends to {url}")
    return wrong(subject, f"is {endpoint.status}: nothing is sent to {url}", f"enable it {DASHBOARD}")


def _events(subject: str, enabled: Sequence[str]) -> Iterator[Finding]:
    if "*" in enabled:
        remedy = f"select only the types that the services use, {DASHBOARD}"
        yield note(subject, "sends all event types; most are ignored", remedy)
        return
    missing = [name for name in REQUIRED_EVENT_TYPES if name not in enabled]
    unused = [name for name in enabled if name not in EVENT_TYPES]
    if missing:
        yield wrong(subject, f"does not send {', '.join(missing)}", f"add them {DASHBOARD}")
    else:
        yield ok(subject, f"sends all {len(REQUIRED_EVENT_TYPES)} event types that the services need")
    if unused:
        yield note(subject, f"sends event types that are ignored: {', '.join(unused)}", f"remove them {DASHBOARD}")


def _version(subject: str, version: str | None) -> Finding:
    """Checks the API version; versions of the same name are compatible (docs.stripe.com/api/versioning)."""
    required = stripe.api_version
    if version is None:
        return note(
            subject, "uses the account's default API version", f"create an endpoint with API version {required}"
        )
    if version.partition(".")[2] == required.partition(".")[2]:
        return ok(subject, f"uses API version {version}")
    says = f"uses API version {version}, but the services need {required}"
    return wrong(subject, says, f"create a new endpoint with API version {required} {DASHBOARD}")
