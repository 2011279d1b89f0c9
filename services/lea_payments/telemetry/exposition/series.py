"""Says which service exposes which metrics, and with which values of their labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from lea_payments.payment.event import Outcome
from lea_payments.payment.facts import STATES
from lea_payments.payment.record import Status
from lea_payments.stripe.events import EVENT_TYPES, OTHER_TYPE
from lea_payments.stripe.facts import LISTED_TYPES
from lea_payments.stripe.signature import SIGNATURE_REASONS
from lea_payments.telemetry import connections, metrics
from lea_payments.telemetry.mcp import tool_calls
from lea_payments.telemetry.services import checkout, notifier

Metric = Counter | Gauge | Histogram

_REJECTIONS = ("invalid_signature", "invalid_payload", "too_large", metrics.ERROR)
_OF_ALL_TYPES = (Outcome.WRONG_MODE, metrics.ERROR)
_OF_USED_TYPES = (
    *(Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE, Outcome.REVIEW, Outcome.UNMATCHED, Outcome.IGNORED),
    metrics.UNAVAILABLE,
)
_DELIVERY_OUTCOMES = dict.fromkeys((*_OF_USED_TYPES, *_OF_ALL_TYPES, *_REJECTIONS))


def _deliveries() -> Iterator[tuple[str, ...]]:
    for event_type in EVENT_TYPES:
        yield from product((event_type,), (*_OF_USED_TYPES, *_OF_ALL_TYPES))
    yield from product((OTHER_TYPE,), (Outcome.IGNORED, *_OF_ALL_TYPES))
    yield from product((metrics.UNREAD_TYPE,), _REJECTIONS)


def _tool_calls() -> Iterator[tuple[str, str]]:
    yield from product(tool_calls.TOOLS, tool_calls.OUTCOMES)
    yield from product(
        (metrics.OTHER,), (tool_calls.INVALID, tool_calls.INVALID_STATE, tool_calls.FAILED, tool_calls.UNAUTHORIZED)
    )


class Exposed(NamedTuple):
    """A metric with the values that its labels can have in one service; none if the service adds them itself."""

    metric: Metric
    labels: Sequence[tuple[str, ...]] = ()


def _with(metric: Metric, *values: Iterable[str]) -> Exposed:
    return Exposed(metric, tuple(product(*values)))


def _store(*operations: str, durations: bool = True) -> tuple[Exposed, ...]:
    """Calls to DynamoDB. Only the services that somebody waits for measure how long they take."""
    calls = _with(metrics.STORE_CALLS, operations, metrics.STORE_OUTCOMES)
    return (calls, _with(metrics.STORE_DURATION, operations)) if durations else (calls,)


_EVERY_SERVICE = (
    _with(connections.CLOSED, connections.REMEDIES),
    Exposed(connections.LINES_DROPPED),
    Exposed(connections.SPANS_DROPPED),
    Exposed(metrics.BUILD),
)
_CHANGES = (
    _with(metrics.OUTCOMES, metrics.FINAL, metrics.CURRENCIES),
    _with(metrics.AMOUNT, (Status.COMPLETED,), metrics.CURRENCIES),
    _with(metrics.FAILURES, metrics.DECLINES),
    _with(metrics.REVIEWS, metrics.REVIEW_REASONS),
    _with(metrics.UNKNOWN_STATES, STATES),
    _with(metrics.DISPUTES, metrics.DISPUTE_STATUSES),
    _with(metrics.CHECKOUT_SESSIONS, metrics.ENDED_STAGES),
    Exposed(metrics.COMPLETION_TIME),
    Exposed(metrics.BATCH_SIZE),
)
"""What the services count that apply events to payments."""

SERVICES: Mapping[str, Sequence[Exposed]] = {
    "webhook": (
        *_EVERY_SERVICE,
        *_CHANGES,
        *_store("apply", "query"),
        Exposed(metrics.EVENTS, tuple(_deliveries())),
        _with(metrics.DURATION, _DELIVERY_OUTCOMES),
        Exposed(metrics.EVENT_AGE),
        _with(metrics.LAST_APPLIED, EVENT_TYPES),
        _with(metrics.SIGNATURE_FAILURES, SIGNATURE_REASONS),
        _with(metrics.SECRET_USED, ("current", "previous")),
        _with(metrics.SECRET_FILE_INVALID, (metrics.SIGNING_SECRETS_FILE,)),
        _with(metrics.IGNORED, metrics.IGNORED_REASONS),
        Exposed(metrics.CLOCK_SKEW),
    ),
    "pages": (*_EVERY_SERVICE, *_store("get", "query"), Exposed(metrics.PAGE_VIEWS, metrics.PAGES)),
    "checkout": (
        *_EVERY_SERVICE,
        *_store("get", "query", "create", "change_checkout", "watch", "read_many"),
        Exposed(checkout.WAITING),
        _with(metrics.CHECKOUT_SESSIONS, metrics.OPENED_STAGES),
        _with(metrics.CANCELED, metrics.CANCELING_CALLS),
        _with(metrics.OUTCOMES, (Status.EXPIRED,), metrics.CURRENCIES),
        Exposed(checkout.CALLS),
        Exposed(checkout.CALL_DURATION),
        _with(checkout.STRIPE, checkout.STRIPE_CALLS, checkout.STRIPE_OUTCOMES),
        _with(metrics.SECRET_FILE_INVALID, (metrics.API_KEY_FILE, metrics.API_TOKENS_FILE)),
    ),
    "reconciler": (
        *_EVERY_SERVICE,
        *_CHANGES,
        *_store("apply", "get", "query", durations=False),
        _with(metrics.RECONCILER_RUNS, metrics.RECONCILER_RUN_OUTCOMES),
        _with(metrics.REPAIRED, (*EVENT_TYPES, *LISTED_TYPES)),
        Exposed(metrics.DRIFT),
        Exposed(metrics.PAYABLE),
        Exposed(metrics.RECONCILER_LAST_RUN),
        _with(metrics.SECRET_FILE_INVALID, (metrics.API_KEY_FILE,)),
    ),
    "mcp": (
        *_EVERY_SERVICE,
        Exposed(tool_calls.CALLS, tuple(_tool_calls())),
        _with(tool_calls.DURATION, (*tool_calls.TOOLS, metrics.OTHER)),
        _with(tool_calls.CAPS_REFUSED, tool_calls.CAPS.values()),
        _with(metrics.SECRET_FILE_INVALID, (metrics.API_TOKENS_FILE, metrics.MCP_TOKENS_FILE)),
    ),
    "notifier": (
        *_EVERY_SERVICE,
        *_store("query", "notify", durations=False),
        Exposed(notifier.ATTEMPTS),
        Exposed(notifier.LAG),
        Exposed(notifier.DUE),
        Exposed(notifier.OLDEST_DUE),
        Exposed(notifier.DEAD_LETTERED),
        _with(metrics.SECRET_FILE_INVALID, (metrics.NOTIFY_SECRETS_FILE,)),
    ),
}
"""The metrics of each service: a pod exposes only what it can count."""


def registry_of(service: str) -> CollectorRegistry:
    """The metrics of a service. Every series exists at 0: a rate over a series that first appears at 1 shows nothing.

    The library's times of creation would double the number of series.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for metric, combinations in SERVICES[service]:
        registry.register(metric)
        for labels in combinations:
            metric.labels(*labels)
    return registry
