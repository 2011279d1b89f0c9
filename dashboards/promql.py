"""Names of metrics as PromQL has them, taken from the code that counts them, so that a rename breaks the build."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from lea_payments.telemetry import metrics

SERVICES = ("webhook", "pages", "checkout", "reconciler")
"""The values of the label `component`, which Prometheus takes from the pod that it scrapes."""


def _family(metric: Counter | Gauge | Histogram) -> str:
    return next(iter(metric.describe())).name


def name(metric: Counter | Gauge) -> str:
    """What Prometheus calls the metric."""
    family = _family(metric)
    return f"{family}_total" if isinstance(metric, Counter) else family


def bucket(metric: Histogram) -> str:
    """The series of a histogram's buckets."""
    return f"{_family(metric)}_bucket"


def count(metric: Histogram) -> str:
    """The series that counts what went into a histogram."""
    return f"{_family(metric)}_count"


def total(metric: Histogram) -> str:
    """The series that adds up what went into a histogram."""
    return f"{_family(metric)}_sum"


def any_of(values: Iterable[str]) -> str:
    """A regular expression that fits these values and no other."""
    return "|".join(values)


NOT_TRUSTED = ("invalid_signature", "invalid_payload", "too_large")
"""Outcomes of deliveries that anybody may have sent: they say nothing of how well we serve Stripe."""

FAILED = (metrics.UNAVAILABLE, metrics.ERROR)
"""Outcomes that are answered 5xx, so that Stripe must send again."""
