"""Builds the dashboard rows about notifications and about the calls of the sales agent's tools."""

from collections.abc import Sequence

from dashboards.panels import AMBER, GREEN, RED, TRANSPARENT, Panel, Query, stat, time_series
from dashboards.promql import RATE_INTERVAL, SELECTED, bucket, increase, name, rate
from lea_payments.telemetry.mcp import tool_calls
from lea_payments.telemetry.services import notifier

ATTEMPTS, DEAD_LETTERED = name(notifier.ATTEMPTS), name(notifier.DEAD_LETTERED)
DUE, OLDEST_DUE = name(notifier.DUE), name(notifier.OLDEST_DUE)
CALLS, CAPS_REFUSED = name(tool_calls.CALLS), name(tool_calls.CAPS_REFUSED)


def _lag(quantile: float) -> Query:
    buckets = rate(bucket(notifier.LAG), by="le")
    return Query(f"histogram_quantile({quantile}, {buckets})", f"p{quantile * 100:.0f}", exemplars=True)


NOTIFICATIONS: Sequence[Panel] = (
    stat(
        "Waiting",
        "Payments whose notification is due now and not yet delivered.",
        Query(f"max({DUE}{{{SELECTED}}})", "due", instant=True),
        thresholds=((None, GREEN), (100, AMBER)),
        width=6,
        runbook="PaymentsNotificationsLate",
    ),
    stat(
        "Oldest",
        "Time since the oldest of them was due. A notification whose receiver fails is due again after a pause.",
        Query(f"max({OLDEST_DUE}{{{SELECTED}}})", "oldest", instant=True),
        unit="s",
        thresholds=((None, GREEN), (60, AMBER), (600, RED)),
        width=6,
        runbook="PaymentsNotificationsLate",
    ),
    stat(
        "Given up",
        "Notifications that no attempt of three days delivered. `lea-payments notify` sends them again.",
        Query(increase(DEAD_LETTERED), "given up", instant=True),
        thresholds=((None, GREEN), (0.5, RED)),
        width=6,
        runbook="PaymentsNotificationsDeadLettered",
    ),
    stat(
        "Delivered",
        "Attempts that a receiver answered with 2xx.",
        Query(increase(ATTEMPTS, 'outcome="delivered"'), "delivered", instant=True),
        width=6,
    ),
    time_series(
        "How late do receivers know?",
        "Time from the change of a payment to the answer 2xx of a receiver.",
        *map(_lag, (0.5, 0.99)),
        unit="s",
        thresholds=((None, TRANSPARENT), (60, AMBER), (600, RED)),
        runbook="PaymentsNotificationsLate",
    ),
    time_series(
        "How do attempts end?",
        "`rejected` and `failed`: the receiver answered 4xx or 5xx. `gone`: it answered 410 and gets no more of that "
        "version. `timeout`, `unreachable`: it did not answer.",
        Query(rate(ATTEMPTS, by="endpoint, outcome"), "{{endpoint}}: {{outcome}}"),
        unit="reqps",
        stacked=True,
        runbook="PaymentsNotificationsFailing",
    ),
    time_series(
        "How many wait?",
        "Payments with a notification that is due now.",
        Query(f"max by (pod) ({DUE}{{{SELECTED}}})", "{{pod}}"),
        runbook="PaymentsNotificationsLate",
    ),
    time_series(
        "Which receiver lost notifications?",
        "Notifications given up after three days, by endpoint.",
        Query(increase(DEAD_LETTERED, by="endpoint", over=RATE_INTERVAL), "{{endpoint}}"),
        thresholds=((None, TRANSPARENT), (0.5, RED)),
        runbook="PaymentsNotificationsDeadLettered",
    ),
)

TOOLS: Sequence[Panel] = (
    time_series(
        "What did the tools answer?",
        "Calls by tool and outcome.",
        Query(rate(CALLS, by="tool, outcome"), "{{tool}}: {{outcome}}"),
        unit="reqps",
        stacked=True,
    ),
    time_series(
        "How long does a call take?",
        "99th percentile by tool. `collect_payment` and `payment_status` wait for the customer.",
        Query(
            f"histogram_quantile(0.99, {rate(bucket(tool_calls.DURATION), by='le, tool')})",
            "p99 {{tool}}",
            exemplars=True,
        ),
        unit="s",
    ),
    time_series(
        "Which caps were reached?",
        "Calls that a cap refused: more money or more links than one call or one hour may have. Either the caps are "
        "too low, or somebody makes the agent ask for too much.",
        Query(increase(CAPS_REFUSED, by="cap", over=RATE_INTERVAL), "{{cap}}"),
        thresholds=((None, TRANSPARENT), (0.5, AMBER)),
        width=24,
    ),
)
