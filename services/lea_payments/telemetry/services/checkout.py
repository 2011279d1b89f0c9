"""Records calls of the checkout API and its calls to Stripe as metrics and log lines."""

import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram

from lea_payments.log import log, present
from lea_payments.telemetry import spans
from lea_payments.telemetry.metrics import OK, series
from lea_payments.telemetry.throttle import Throttle

UNAUTHORIZED = "unauthorized"
NO_DETAILS: Mapping[str, object] = {}
WAIT, CALLER_LEFT = "wait", "caller_left"
"""The route of calls that wait for a change, and the code of those whose caller has left before the answer."""

STRIPE_CALLS = (
    CREATE_SESSION := "create_session",
    RETRIEVE_SESSION := "retrieve_session",
    EXPIRE_SESSION := "expire_session",
)
STRIPE_OUTCOMES = (
    OK,
    MISSING := "missing",
    KEY_REJECTED := "key_rejected",
    REJECTED := "rejected",
    KEY_SPENT := "key_spent",
    IN_FLIGHT := "in_flight",
    RATE_LIMITED := "rate_limited",
    UNREACHABLE := "unreachable",
    UNREADABLE := "unreadable",
    SERVER_ERROR := "error",
)
"""Outcomes of a call to Stripe. `key_rejected`: the API key is invalid or lacks a permission. `key_spent`: Stripe has
the idempotency key with other parameters or an old error. `unreadable`: the response has no session with a link.
`rejected` of `expire_session`: the session is not open any more, or the call is invalid."""

CALLS = Counter(
    "payments_checkout_requests_total",
    "Calls of the checkout API by route, and by error code or `ok`.",
    ("route", "code"),
)
CALL_DURATION = Histogram(
    "payments_checkout_request_duration_seconds",
    "Time from a call of the checkout API to its answer, except those that wait or are answered 4xx.",
    ("route",),
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STRIPE = Counter("payments_stripe_calls_total", "Calls of the checkout API to Stripe by outcome.", ("call", "outcome"))
WAITING = Gauge("payments_checkout_waiting_calls", "Calls that wait for a change of a payment now.")
_unauthorized = Throttle(seconds=60)
_failed_watches = Throttle(seconds=60)


def expose(codes: Mapping[str, Iterable[str]]) -> None:
    """Creates every series at 0, so that alerts see the first failure; `codes` are the error codes of each route."""
    for route, route_codes in codes.items():
        for code in (OK, *route_codes):
            series(CALLS, route, code)
        if route != WAIT:
            series(CALL_DURATION, route)


def call_answered(route: str, code: str, http_status: int, seconds: float) -> None:
    """A call is answered. One log line a minute tells about calls without a valid token."""
    series(CALLS, route, code).inc()
    # Calls that are answered with 4xx are quick: they would hide the slow ones. Those that wait take as long as asked.
    if route != WAIT and not HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
        series(CALL_DURATION, route).observe(seconds, spans.exemplar(trace.get_current_span()))
    count = _unauthorized.count(UNAUTHORIZED, time.monotonic()) if code == UNAUTHORIZED else 0
    if count:
        log.warning(
            "token_rejected",
            count=count,
            remedy="find the caller in the ingress or proxy log; give it a token of PAYMENTS_API_TOKEN",
        )


def call_can_wait(seconds: int) -> None:
    """A call waits for a change. Its span says how long it may take."""
    trace.get_current_span().set_attribute("payments.wait_seconds", seconds)


def calls_wait(count: int) -> None:
    """The number of calls that wait has changed."""
    WAITING.set(count)


def watch_failed(problem: str) -> None:
    """The payments that calls wait for could not be read; the calls go on waiting. One log line per minute."""
    count = _failed_watches.count("", time.monotonic())
    if count:
        log.warning("watch_failed", problem=problem, count=count, remedy="run lea-payments check")


def stripe_called(call: str, outcome: str) -> None:
    """A call to Stripe ended."""
    series(STRIPE, call, outcome).inc()


def stripe_call_failed(
    call: str, outcome: str, code: str, error: Exception, details: Mapping[str, object] = NO_DETAILS
) -> None:
    """A call to Stripe failed; `code` is the checkout API's error code, and `details` come from `details_of(error)`."""
    stripe_called(call, outcome)
    log.warning(
        "stripe_call_failed", call=call, outcome=outcome, code=code, problem=type(error).__name__, **present(details)
    )
