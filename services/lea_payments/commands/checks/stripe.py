"""Checks the API key, the webhook endpoint and the clock against Stripe; only reads."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import stripe

from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.secrets.rules import SecretError
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.events import EVENT_TYPES, WEBHOOK_PATH
from lea_payments.stripe.signature import TOLERANCE_SECONDS

SKEW_SECONDS = 30
"""Clocks that are synchronized with NTP differ by less than one second; this much needs attention."""

READ_BY_RECONCILER: Mapping[str, Callable[[stripe.StripeClient], Any]] = {
    "PaymentIntents": lambda client: client.v1.payment_intents.list({"limit": 1}),
    "Events": lambda client: client.v1.events.list({"limit": 1}),
    "Charges and Refunds": lambda client: client.v1.refunds.list({"limit": 1}),
    "Disputes": lambda client: client.v1.disputes.list({"limit": 1}),
    "Radar (early fraud warnings)": lambda client: client.v1.radar.early_fraud_warnings.list({"limit": 1}),
}
"""What the reconciler lists besides sessions, by the name in the form for a restricted key."""

FORBIDDEN = 403
DASHBOARD = "in Stripe's dashboard, Developers > Webhooks"


class _CallResult(NamedTuple):
    """The response or the error of a call; `skew` is our clock minus Stripe's in seconds, if Stripe sent its time."""

    response: Any | None
    error: stripe.StripeError | None
    skew: float | None


def findings(settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    """Checks Stripe. Without an `endpoint_url`, the webhook endpoints are found by their path."""
    client = stripe_client.client(settings.stripe_secret_key, settings.stripe_api_base)
    sessions = _call(lambda: client.v1.checkout.sessions.list({"limit": 1}))
    yield _connection(sessions.error, settings)
    if sessions.skew is not None:
        yield _clock(sessions.skew)
    if sessions.error is not None and not isinstance(sessions.error, stripe.PermissionError):
        return
    if settings.applies_events:
        yield _reconciler_key(client)
    endpoints = _call(lambda: client.v1.webhook_endpoints.list({"limit": 100}))
    if endpoints.response is None:
        remedy = f"give the restricted key read access to Webhook Endpoints, or check the endpoint {DASHBOARD}"
        yield note("endpoint", "cannot be checked with this key", remedy)
    else:
        yield from _endpoints(endpoints.response.data, endpoint_url, livemode=settings.livemode)
        yield from _secrets(endpoints.response.data, endpoint_url, settings)


def _call(call: Callable[[], Any]) -> _CallResult:
    started = time.time()
    try:
        response, error = call(), None
        headers = response.last_response.headers
    except stripe.StripeError as stripe_error:
        response, error, headers = None, stripe_error, stripe_error.headers or {}
    return _CallResult(response, error, _skew((started + time.time()) / 2, headers))


def _skew(our_time: float, headers: Mapping[str, str]) -> float | None:
    try:
        stripe_time = parsedate_to_datetime(stripe_client.header(headers, "date")).timestamp()
    except ValueError:
        return None
    return our_time - stripe_time - 0.5  # the header has whole seconds: on average half of one has passed


def _connection(error: stripe.StripeError | None, settings: CheckSettings) -> Finding:
    base = settings.stripe_api_base
    if error is None:
        return ok("Stripe", f"accepts the API key at {base}")
    if isinstance(error, stripe.APIConnectionError):
        return wrong("Stripe", f"cannot be reached at {base}", "check STRIPE_API_BASE and the outbound network access")
    if isinstance(error, stripe.AuthenticationError):
        return wrong("Stripe", "does not accept the API key", "set STRIPE_SECRET_KEY to one from Developers > API keys")
    if isinstance(error, stripe.PermissionError):
        access = "write" if settings.api_tokens else "read"
        remedy = f"give the restricted key {access} access to them"
        return wrong("Stripe", "the API key cannot read Checkout Sessions", remedy)
    return wrong(
        "Stripe", f"responds with {error.http_status} at {base}", "check STRIPE_API_BASE and status.stripe.com"
    )


def _reconciler_key(client: stripe.StripeClient) -> Finding:
    """Whether the key can list what the reconciler reads; other errors are not about its permissions."""
    errors = {name: _call(partial(read, client)).error for name, read in READ_BY_RECONCILER.items()}
    denied = [name for name, error in errors.items() if error is not None and error.http_status == FORBIDDEN]
    if denied:
        remedy = f"give the restricted key of the reconciler read access to {', '.join(denied)}"
        return wrong("API key", f"cannot read {', '.join(denied)}: the reconciler does not repair them", remedy)
    return ok("API key", f"can read {', '.join(errors)}")


def _clock(skew: float) -> Finding:
    says = f"is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Stripe's"
    remedy = "synchronize this machine's clock with NTP"
    if abs(skew) > TOLERANCE_SECONDS:
        return wrong("clock", f"{says}: the webhook rejects every event", remedy)
    if abs(skew) > SKEW_SECONDS:
        return note("clock", f"{says}; beyond {TOLERANCE_SECONDS} s the webhook rejects every event", remedy)
    return ok("clock", "agrees with Stripe's")


def _endpoints(endpoints: Sequence[Any], endpoint_url: str | None, *, livemode: bool) -> Iterator[Finding]:
    matches = [each for each in endpoints if _matches(each.url, endpoint_url)]
    similar = [] if endpoint_url else [each for each in endpoints if each not in matches and _is_similar(each.url)]
    if not matches and not similar:
        expected = f"URL {endpoint_url}" if endpoint_url else f"path {WEBHOOK_PATH}"
        says = f"none of {len(endpoints)} endpoints has the {expected}: no event reaches the webhook"
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


def _secrets(endpoints: Sequence[Any], endpoint_url: str | None, settings: CheckSettings) -> Iterator[Finding]:
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
    return urlsplit(url).path.removesuffix("/") == WEBHOOK_PATH


def _is_similar(url: str) -> bool:
    """Whether the path is probably a misspelled path of the webhook."""
    path = urlsplit(url).path.casefold()
    return "webhook" in path and "stripe" in path


def _wrong_path(subject: str, url: str, *, is_only: bool = True) -> Finding:
    says = f"sends to {url.partition('?')[0]}, but the webhook serves only {WEBHOOK_PATH}"
    remedy = f"change the path of its URL to {WEBHOOK_PATH} {DASHBOARD}"
    if is_only:
        return wrong(subject, says, remedy)
    return note(subject, says, f"{remedy}, unless it belongs to another system")


def _status(subject: str, endpoint: Any) -> Finding:
    url = endpoint.url.partition("?")[0]
    if endpoint.status == "enabled":
        return ok(subject, f"sends to {url}")
    return wrong(subject, f"is {endpoint.status}: nothing is sent to {url}", f"enable it {DASHBOARD}")


def _events(subject: str, enabled: Sequence[str]) -> Iterator[Finding]:
    if "*" in enabled:
        remedy = f"select only the types that the services use, {DASHBOARD}"
        yield note(subject, "sends all event types; most are ignored", remedy)
        return
    missing = [name for name in EVENT_TYPES if name not in enabled]
    unused = [name for name in enabled if name not in EVENT_TYPES]
    if missing:
        yield wrong(subject, f"does not send {', '.join(missing)}", f"add them {DASHBOARD}")
    else:
        yield ok(subject, f"sends all {len(EVENT_TYPES)} event types that the services use")
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
