"""Defines the service level objectives, and generates their recording rules and burn-rate alerts as YAML."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from dashboards.promql import FAILED, LINK_FAILED, LINK_NOT_NEEDED, REJECTED, any_of, bucket, count, name
from lea_payments.telemetry import metrics
from lea_payments.telemetry.services import checkout

RELEASE = "cluster, namespace, release"
"""The labels that identify one installation. `cluster` is absent where a Prometheus knows only its own."""

RELEASE_NAME = (
    "{{ with $labels.cluster }}{{ . }}/{{ end }}{{ $labels.namespace }}{{ with $labels.release }}/{{ . }}{{ end }}"
)
"""The installation in the summary of an alert."""

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
MIN_FAILURES = 3
"""Fewer failures raise no alert: in a quiet night a single failure is a large share."""


class BurnRate(NamedTuple):
    """A limit on how fast the error budget is spent, as a multiple of the rate that spends it in exactly 30 days.

    Both windows must exceed it. The short one ends the alert soon after the failures end.
    """

    factor: float
    long: str
    short: str


class AlertTier(NamedTuple):
    """One alert of every objective: the end of its name, its severity and its burn rates."""

    suffix: str
    severity: str
    burn_rates: tuple[BurnRate, BurnRate]
    exhausted: str


# Factors and windows of the SRE workbook, chapter 5. They spend 2 %, 5 %, 10 % and 10 % of a month's error budget.
TIERS = (
    AlertTier("BurnFast", "critical", (BurnRate(14.4, "1h", "5m"), BurnRate(6, "6h", "30m")), "within days"),
    AlertTier("BurnSlow", "warning", (BurnRate(3, "1d", "2h"), BurnRate(1, "3d", "6h")), "before the month ends"),
)


class Objective(NamedTuple):
    """A target for the share of good events over 30 days; `alert` is the start of the names of its alerts.

    `bad` and `all` are series, or the difference of two series, with the placeholder `[W]` for the window.
    """

    record: str
    alert: str
    title: str
    target: float
    bad: str
    all: str
    violation: str
    impact: str

    @property
    def budget(self) -> float:
        """The error budget: the share of events that may be bad."""
        return round(1 - self.target, 6)

    def ratio(self, window: str) -> str:
        """The recorded share of bad events."""
        return f"release:{self.record}:ratio_rate{window}"

    def failures(self, window: str) -> str:
        """The recorded number of bad events."""
        return f"release:{self.record}:increase{window}"


_ACCEPTABLE = f'outcome!~"{any_of(REJECTED)}"'
_SUCCEEDED = f'outcome!~"{any_of((*REJECTED, *FAILED))}"'
_EVENTS, _VIEWS, _CALLS = name(metrics.EVENTS), name(metrics.PAGE_VIEWS), name(checkout.CALLS)


def _above(limit: str, metric: Any, matchers: str) -> str:
    """Observations of a histogram above a limit: all of them minus those up to the limit."""
    prefix = f"{matchers}, " if matchers else ""
    return f'{count(metric)}{{{matchers}}}[W] - {bucket(metric)}{{{prefix}le="{limit}"}}[W]'


OBJECTIVES = (
    Objective(
        "payments_webhook_errors",
        "PaymentsWebhookErrors",
        "Deliveries answered",
        0.999,
        f'{_EVENTS}{{outcome=~"{any_of(FAILED)}"}}[W]',
        f"{_EVENTS}{{{_ACCEPTABLE}}}[W]",
        "of the verified deliveries are answered with 5xx",
        "Payments complete late: Stripe sends the events again for three days.",
    ),
    Objective(
        "payments_webhook_slow",
        "PaymentsWebhookLatency",
        "Deliveries answered in time",
        0.99,
        _above("1.0", metrics.DURATION, _SUCCEEDED),
        f"{count(metrics.DURATION)}{{{_SUCCEEDED}}}[W]",
        "of the deliveries take more than 1 s to answer",
        "Customers wait on Stripe's page before they see ours.",
    ),
    Objective(
        "payments_event_late",
        "PaymentsEventAge",
        "Events that arrive in time",
        0.99,
        _above("60.0", metrics.EVENT_AGE, ""),
        f"{count(metrics.EVENT_AGE)}[W]",
        "of the events are more than 60 s old when they arrive",
        "Customers see a page that is still waiting for their payment.",
    ),
    Objective(
        "payments_pages_errors",
        "PaymentsPages",
        "Pages shown",
        0.999,
        f'{_VIEWS}{{status="unavailable"}}[W]',
        f"{_VIEWS}[W]",
        "of the page views show an error",
        "Customers who have paid see an error instead of a confirmation.",
    ),
    Objective(
        "payments_link_errors",
        "PaymentsLinks",
        "Links created",
        0.995,
        f'{_CALLS}{{route="create", code=~"{any_of(LINK_FAILED)}"}}[W]',
        f'{_CALLS}{{route="create", code=~"{any_of((metrics.OK, *LINK_NOT_NEEDED, *LINK_FAILED))}"}}[W]',
        "of the correct calls for a link are answered with 5xx",
        "Customers who want to pay get no link.",
    ),
)


def summed(function: str, series: str, window: str) -> str:
    """The series, or the difference of two series, summed per release."""
    terms = series.replace("{}", "").split(" - ")
    return " - ".join(f"sum by ({RELEASE}) ({function}({term.replace('[W]', f'[{window}]')}))" for term in terms)


def _recordings(objective: Objective) -> Iterator[dict[str, str]]:
    for window in WINDOWS:
        bad, everything = (summed("rate", series, window) for series in (objective.bad, objective.all))
        yield {"record": objective.ratio(window), "expr": f"({bad}) / {everything}"}
    for window in [burn_rate.long for tier in TIERS for burn_rate in tier.burn_rates]:
        yield {"record": objective.failures(window), "expr": summed("increase", objective.bad, window)}


def _alert(objective: Objective, tier: AlertTier) -> dict[str, Any]:
    def exceeded(burn_rate: BurnRate) -> str:
        above = f"> {burn_rate.factor} * {objective.budget}"
        return (
            f"({objective.ratio(burn_rate.long)} {above} and {objective.ratio(burn_rate.short)} {above}\n"
            f"  and {objective.failures(burn_rate.long)} >= {MIN_FAILURES})"
        )

    title = f"{objective.alert}{tier.suffix}"
    return {
        "alert": title,
        "expr": "\nor\n".join(map(exceeded, tier.burn_rates)) + "\n",
        "labels": {"severity": tier.severity},
        "annotations": {
            "summary": f"{RELEASE_NAME}: {{{{ $value | humanizePercentage }}}} {objective.violation}",
            "description": f"The objective is {objective.target:.1%} over 30 days. At this rate the month's error "
            f"budget is spent {tier.exhausted}. {objective.impact}",
            "runbook_url": f"dashboards/runbook.md#{title.lower()}",
        },
    }


def rules() -> Mapping[str, Any]:
    """The rule file: one group per objective."""
    return {
        "groups": [
            {
                "name": f"{objective.record.replace('_', '-')}-slo",
                "rules": [*_recordings(objective), *(_alert(objective, tier) for tier in TIERS)],
            }
            for objective in OBJECTIVES
        ]
    }


class _Dumper(yaml.SafeDumper):
    """Writes strings with line breaks as block scalars."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def as_yaml() -> str:
    """The text of the rule file."""
    header = "# Generated by `make dashboards` from dashboards/slo.py. Do not edit.\n"
    return header + yaml.dump(rules(), Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
