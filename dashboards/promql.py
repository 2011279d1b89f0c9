"""Defines the names and label matchers that the PromQL of dashboards and rules shares."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from lea_payments.telemetry import metrics

SERVICES = ("webhook", "pages", "checkout", "reconciler", "notifier", "mcp")
"""Values of the target label `component`, copied from the pod label `app.kubernetes.io/component`."""

REJECTED = ("invalid_signature", "invalid_payload", "too_large")
"""Outcomes answered 4xx: the sender's fault, so they do not count in our objectives."""

FAILED = (metrics.UNAVAILABLE, metrics.ERROR)
"""Outcomes answered 5xx: Stripe must send again."""

LINK_FAILED = (
    *("stripe_unreachable", "stripe_error", "stripe_refused", "stripe_busy"),
    *("try_again", "table_unavailable", "internal_error"),
)
"""Error codes of the checkout API with 5xx: the caller gets no link although the call is correct."""

LINK_NOT_NEEDED = ("already_completed", "awaiting_confirmation", "awaiting_funds", "in_review")
"""Error codes of calls for a payment that the customer has paid: correct answers. Other 4xx are the caller's fault."""

SELECTED = 'cluster=~"$cluster", namespace=~"$namespace", release=~"$release"'
"""Matches the installations that are selected in Grafana."""

RANGE, RATE_INTERVAL = "$__range", "$__rate_interval"
"""Grafana's variables: the time range of the dashboard, and the shortest safe interval for a rate."""


def _family(metric: Counter | Gauge | Histogram) -> str:
    # Taken from the metric itself, so that a renamed metric breaks the build and not a dashboard.
    return next(iter(metric.describe())).name


def name(metric: Counter | Gauge) -> str:
    """The series of a counter or gauge."""
    family = _family(metric)
    return f"{family}_total" if isinstance(metric, Counter) else family


def bucket(metric: Histogram) -> str:
    """The series of a histogram's buckets."""
    return f"{_family(metric)}_bucket"


def count(metric: Histogram) -> str:
    """The series with the number of a histogram's observations."""
    return f"{_family(metric)}_count"


def total(metric: Histogram) -> str:
    """The series with the sum of a histogram's observations."""
    return f"{_family(metric)}_sum"


def rate(series: str, *matchers: str, by: str = "") -> str:
    """The rate of the series per second, summed over all pods."""
    return _sum(f"rate({_selected(series, *matchers)}[{RATE_INTERVAL}])", by)


def increase(series: str, *matchers: str, by: str = "", over: str = RANGE) -> str:
    """The increase of the series, summed over all pods."""
    return _sum(f"increase({_selected(series, *matchers)}[{over}])", by)


def _selected(series: str, *matchers: str) -> str:
    return f"{series}{{{', '.join((SELECTED, *matchers))}}}"


def _sum(expression: str, by: str) -> str:
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def any_of(values: Iterable[str]) -> str:
    """A regular expression that matches exactly these values."""
    return "|".join(values)
