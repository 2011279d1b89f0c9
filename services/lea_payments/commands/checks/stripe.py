"""Whether Stripe can be reached with our key and sends us what we need, and whether the clocks agree; only reads."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import stripe

from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.events import TRANSLATORS, WEBHOOK_PATH
from lea_payments.stripe.signature import TOLERANCE_SECONDS

SKEW_SECONDS = 30
"""Clocks that keep time by NTP differ by less than one second; more is the beginning of trouble."""

DASHBOARD = "in Stripe's dashboard, Developers > Webhooks"


class _Asked(NamedTuple):
    """What came of a call: an answer or an error, and our clock less Stripe's in seconds, if it said."""

    answer: Any | None
    error: stripe.StripeError | None
    skew: float | None


def findings(settings: CheckSettings, address: str | None) -> Iterator[Finding]:
    """All there is to say of Stripe. `address` is our endpoint's URL at Stripe; else it is known by its path."""
    client = stripe_client.client(settings.stripe_secret_key, settings.stripe_api_base)
    sessions = _ask(lambda: client.v1.checkout.sessions.list({"limit": 1}))
    yield _reached(sessions.error, settings.stripe_api_base)
    if sessions.skew is not None:
        yield _clocks(sessions.skew)
    if sessions.error is not None and not isinstance(sessions.error, stripe.PermissionError):
        return
    endpoints = _ask(lambda: client.v1.webhook_endpoints.list({"limit": 100}))
    if endpoints.answer is None:
        remedy = "give a restricted key read access to Webhook Endpoints, or look at the endpoint yourself"
        yield note("endpoint", "could not be looked at with this key", remedy)
    else:
        yield from _endpoints(endpoints.answer.data, address, livemode=settings.livemode)


def _ask(call: Callable[[], Any]) -> _Asked:
    started = time.time()
    try:
        answer, error = call(), None
        headers = answer.last_response.headers
    except stripe.StripeError as refused:
        answer, error, headers = None, refused, refused.headers or {}
    return _Asked(answer, error, _skew((started + time.time()) / 2, headers))


def _skew(ours: float, headers: Mapping[str, str]) -> float | None:
    try:
        return (
            ours - parsedate_to_datetime(stripe_client.header(headers, "date")).timestamp() - 0.5
        )  # a header's whole second is half over on average
    except ValueError:
        return None


def _reached(error: stripe.StripeError | None, base: str) -> Finding:
    if error is None:
        return ok("Stripe", f"takes our key at {base}")
    if isinstance(error, stripe.APIConnectionError):
        return wrong("Stripe", f"cannot be reached at {base}", "check STRIPE_API_BASE and this network's way out")
    if isinstance(error, stripe.AuthenticationError):
        return wrong("Stripe", "does not take our key", "set STRIPE_SECRET_KEY to one from Developers > API keys")
    if isinstance(error, stripe.PermissionError):
        return wrong("Stripe", "our key may not see Checkout Sessions", "give the restricted key write access to them")
    return wrong("Stripe", f"answers {error.http_status} at {base}", "check STRIPE_API_BASE, and status.stripe.com")


def _clocks(skew: float) -> Finding:
    apart = f"ours is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Stripe's"
    if abs(skew) > TOLERANCE_SECONDS:
        return wrong("clock", f"{apart}: every event is refused", "set this machine's clock by NTP")
    if abs(skew) > SKEW_SECONDS:
        return note("clock", f"{apart}; from {TOLERANCE_SECONDS} s on every event is refused", "set it by NTP")
    return ok("clock", "agrees with Stripe's")


def _endpoints(found: Sequence[Any], address: str | None, *, livemode: bool) -> Iterator[Finding]:
    wanted = address or f"the path {WEBHOOK_PATH}"
    ours = [one for one in found if (one.url == address if address else _path(one.url) == WEBHOOK_PATH)]
    if not ours:
        says = f"none of {len(found)} has {wanted}: no event reaches us"
        remedy = f"make one {DASHBOARD}"
        yield (
            wrong("endpoint", says, remedy)
            if livemode
            else note("endpoint", says, f"{remedy}; `stripe listen --forward-to` needs none")
        )
    for endpoint in ours:
        subject = f"endpoint {endpoint.id}"
        yield _status(subject, endpoint)
        yield from _events(subject, endpoint.enabled_events)
        yield _version(subject, endpoint.api_version)


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def _status(subject: str, endpoint: Any) -> Finding:
    where = endpoint.url.partition("?")[0]
    if endpoint.status == "enabled":
        return ok(subject, f"sends to {where}")
    return wrong(subject, f"is {endpoint.status}: nothing is sent to {where}", f"enable it {DASHBOARD}")


def _events(subject: str, enabled: Sequence[str]) -> Iterator[Finding]:
    if "*" in enabled:
        yield note(
            subject, "sends every type of event; most are ignored", f"choose those that README.md lists, {DASHBOARD}"
        )
        return
    missing = [name for name in TRANSLATORS if name not in enabled]
    unused = [name for name in enabled if name not in TRANSLATORS]
    if missing:
        yield wrong(subject, f"does not send {', '.join(missing)}", f"add them {DASHBOARD}")
    else:
        yield ok(subject, f"sends all {len(TRANSLATORS)} types of events that we use")
    if unused:
        yield note(subject, f"sends what we ignore: {', '.join(unused)}", f"take them out {DASHBOARD}")


def _version(subject: str, version: str | None) -> Finding:
    """Versions of one name differ by additions only (docs.stripe.com/api/versioning)."""
    ours = stripe.api_version
    if version is None:
        return note(subject, "speaks the account's default version", f"better make one with the API version {ours}")
    if version.partition(".")[2] == ours.partition(".")[2]:
        return ok(subject, f"speaks {version}")
    return wrong(
        subject, f"speaks {version}; we read {ours}", f"make a new one with the API version {ours}, {DASHBOARD}"
    )
