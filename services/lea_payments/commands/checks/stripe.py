"""Checks the API key and the clock against Stripe, and the webhook endpoints; only reads."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

import stripe

from lea_payments.commands.checks import endpoints as check_endpoints
from lea_payments.commands.checks.calls import call_list
from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.signature import TOLERANCE_SECONDS

SKEW_SECONDS = 30
"""Clocks that are synchronized with NTP differ by less than one second; this much needs attention."""

READ_BY_RECONCILER: Mapping[str, str] = {
    "PaymentIntents": "/v1/payment_intents",
    "Events": "/v1/events",
    "Charges and Refunds": "/v1/refunds",
    "Disputes": "/v1/disputes",
    "Radar (early fraud warnings)": "/v1/radar/early_fraud_warnings",
}
"""The lists that the reconciler reads besides sessions, by the name in the form for a restricted key."""


def findings(settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    """Checks Stripe. Without an `endpoint_url`, the webhook endpoints are found by their path."""
    client = stripe_client.client(settings.stripe_secret_key, settings.stripe_api_base)
    sessions = call_list(client, "/v1/checkout/sessions")
    yield _connection(sessions.error, settings)
    if sessions.skew is not None:
        yield _clock(sessions.skew)
    if sessions.error is not None and not isinstance(sessions.error, stripe.PermissionError):
        return
    if settings.applies_events:
        yield _reconciler_key(client)
    yield from check_endpoints.findings(client, settings, endpoint_url)


def _connection(error: stripe.StripeError | None, settings: CheckSettings) -> Finding:
    base = settings.stripe_api_base
    if error is None:
        return ok("Stripe", f"accepts the API key at {base}")
    if isinstance(error, stripe.APIConnectionError):
        return wrong(
            "Stripe", f"cannot be reached at {base}", stripe_client.unavailable_reason(error).partition(": ")[2]
        )
    if isinstance(error, stripe.AuthenticationError):
        return wrong("Stripe", "does not accept the API key", "set STRIPE_SECRET_KEY to one from Developers > API keys")
    if isinstance(error, stripe.PermissionError):
        access = "write" if settings.api_tokens else "read"
        remedy = f"give the restricted key {access} access to them"
        return wrong("Stripe", "the API key cannot read Checkout Sessions", remedy)
    if error.http_status is not None and error.http_status < HTTPStatus.BAD_REQUEST:
        remedy = "check STRIPE_API_BASE and the proxies on the way"
        return wrong("Stripe", f"cannot be understood: the response at {base} is not Stripe's", remedy)
    return wrong(
        "Stripe", f"responds with {error.http_status} at {base}", "check STRIPE_API_BASE and status.stripe.com"
    )


def _reconciler_key(client: stripe.StripeClient) -> Finding:
    """Whether the key can list what the reconciler reads; other errors are not about its permissions."""
    errors = {name: call_list(client, path).error for name, path in READ_BY_RECONCILER.items()}
    denied = [name for name, error in errors.items() if error is not None and error.http_status == HTTPStatus.FORBIDDEN]
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
