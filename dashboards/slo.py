"""The four promises as a table, and the recording rules and burn-rate alerts that follow from it, as YAML.

Windows and factors are those of the SRE workbook, chapter 5: 14.4 times the budget's even pace for an hour spends 2 %
of a month's; 6 for six hours 5 %; 3 for a day 10 %; 1 for three days 10 %. The short window ends an alert soon after
its cause. Fewer than three failures are no alert: in a quiet night one failure is a great share.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from dashboards.promql import FAILED, NOT_TRUSTED, any_of, bucket, count, name
from lea_payments.telemetry import metrics

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
LEAST_FAILURES = 3


class Burn(NamedTuple):
    """How fast the budget may go: `factor` times its even pace, over the long and the short window."""

    factor: float
    long: str
    short: str


class Speed(NamedTuple):
    """An alert of each promise: how the alert's name ends, whom it wakes, and the paces that it looks for."""

    ending: str
    severity: str
    burns: tuple[Burn, Burn]
    why: str


SPEEDS = (
    Speed("BurnFast", "page", (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m")), "within days"),
    Speed("BurnSlow", "ticket", (Burn(3, "1d", "2h"), Burn(1, "3d", "6h")), "before the month is over"),
)


class Promise(NamedTuple):
    """A share that must go well over 30 days; `bad` and `all` are series, `alert` begins the alerts' names."""

    record: str
    alert: str
    title: str
    promised: float
    bad: str
    all: str
    says: str
    means: str

    @property
    def budget(self) -> float:
        """The share that may go wrong."""
        return round(1 - self.promised, 6)

    def ratio(self, window: str) -> str:
        """The recorded share that went wrong."""
        return f"namespace:{self.record}:ratio_rate{window}"

    def failures(self, window: str) -> str:
        """How many went wrong, recorded."""
        return f"namespace:{self.record}:increase{window}"


_TRUSTED = f'outcome!~"{any_of(NOT_TRUSTED)}"'
_ANSWERED = f'outcome!~"{any_of((*NOT_TRUSTED, *FAILED))}"'
_EVENTS, _VIEWS = name(metrics.EVENTS), name(metrics.PAGE_VIEWS)
_TOOK, _AGE = metrics.DURATION, metrics.EVENT_AGE


def _over(metric: Any, selector: str, border: str) -> str:
    """What went into a histogram above a border, as a sum of signed series: all, less what is up to it."""
    inside = f"{selector}, " if selector else ""
    return f'{count(metric)}{{{selector}}}[W] - {bucket(metric)}{{{inside}le="{border}"}}[W]'


PROMISES = (
    Promise(
        "payments_webhook_errors",
        "PaymentsWebhookErrors",
        "Deliveries answered",
        0.999,
        f'{_EVENTS}{{outcome=~"{any_of(FAILED)}"}}[W]',
        f"{_EVENTS}{{{_TRUSTED}}}[W]",
        "of the verified deliveries are answered 5xx",
        "payments complete late: Stripe sends again, for three days",
    ),
    Promise(
        "payments_webhook_slow",
        "PaymentsWebhookLatency",
        "Deliveries answered in time",
        0.99,
        _over(_TOOK, _ANSWERED, "1.0"),
        f"{count(_TOOK)}{{{_ANSWERED}}}[W]",
        "of the deliveries take over 1 s to be answered",
        "customers wait on Stripe's page before they see ours",
    ),
    Promise(
        "payments_event_late",
        "PaymentsEventAge",
        "Events that come in time",
        0.99,
        _over(_AGE, "", "60.0"),
        f"{count(_AGE)}[W]",
        "of the events are over 60 s old when they come",
        "customers see a page that still waits for their payment",
    ),
    Promise(
        "payments_pages_errors",
        "PaymentsPages",
        "Pages shown",
        0.999,
        f'{_VIEWS}{{status="unavailable"}}[W]',
        f"{_VIEWS}[W]",
        "of the pages tell the customer that we have a fault",
        "customers who have paid do not see that they have",
    ),
)


def summed(function: str, series: str, window: str) -> str:
    """The series, or the difference of two, as one number for each namespace."""
    terms = series.replace("{}", "").split(" - ")
    return " - ".join(f"sum by (namespace) ({function}({term.replace('[W]', f'[{window}]')}))" for term in terms)


def _recordings(promise: Promise) -> Iterator[dict[str, str]]:
    for window in WINDOWS:
        bad, everything = (summed("rate", series, window) for series in (promise.bad, promise.all))
        yield {"record": promise.ratio(window), "expr": f"({bad}) / {everything}"}
    for window in [burn.long for speed in SPEEDS for burn in speed.burns]:
        yield {"record": promise.failures(window), "expr": summed("increase", promise.bad, window)}


def _alert(promise: Promise, speed: Speed) -> dict[str, Any]:
    def burns(burn: Burn) -> str:
        too_much = f"> {burn.factor} * {promise.budget}"
        return (
            f"({promise.ratio(burn.long)} {too_much} and {promise.ratio(burn.short)} {too_much}\n"
            f"  and {promise.failures(burn.long)} >= {LEAST_FAILURES})"
        )

    title = f"{promise.alert}{speed.ending}"
    return {
        "alert": title,
        "expr": "\nor\n".join(map(burns, speed.burns)) + "\n",
        "labels": {"severity": speed.severity},
        "annotations": {
            "summary": f"{{{{ $labels.namespace }}}}: {{{{ $value | humanizePercentage }}}} {promise.says}",
            "description": f"Promised are {promise.promised:.1%} over 30 days; at this pace what may go wrong in a "
            f"month will have gone wrong {speed.why}. It means that {promise.means}.",
            "runbook_url": f"dashboards/runbook.md#{title.lower()}",
        },
    }


def rules() -> Mapping[str, Any]:
    """The rule file: a group for each promise."""
    return {
        "groups": [
            {
                "name": f"{promise.record.replace('_', '-')}-slo",
                "rules": [*_recordings(promise), *(_alert(promise, speed) for speed in SPEEDS)],
            }
            for promise in PROMISES
        ]
    }


def as_yaml() -> str:
    """The rule file's text."""
    head = "# Written by `make dashboards` from dashboards/slo.py: change it there.\n"
    return head + yaml.dump(rules(), Dumper=_Plain, sort_keys=False, width=1000, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Writes what has several lines as several lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
