"""Builds the dashboard *Webhook health*: whether Stripe's events arrive, are verified and are written in time."""

from prometheus_client import Histogram

from dashboards import layout, pods
from dashboards.panels import AMBER, GREEN, RED, TRANSPARENT, Panel, Query, Thresholds, heatmap, stat, time_series
from dashboards.promql import FAILED, RATE_INTERVAL, SELECTED, any_of, bucket, count, name, rate, total
from dashboards.slo import OBJECTIVES, Objective
from lea_payments.telemetry import metrics

IGNORED, UNKNOWN_STATES = name(metrics.IGNORED), name(metrics.UNKNOWN_STATES)
STORE_CALLS = name(metrics.STORE_CALLS)
EVENTS, FAILURES = name(metrics.EVENTS), name(metrics.SIGNATURE_FAILURES)
SECRETS, SKEW, LAST_APPLIED = name(metrics.SECRET_USED), name(metrics.CLOCK_SKEW), name(metrics.LAST_APPLIED)
SECRET_FILE_INVALID = name(metrics.SECRET_FILE_INVALID)
AMBER_ABOVE_ZERO: Thresholds = ((None, GREEN), (0.001, AMBER))
RED_ABOVE_ZERO: Thresholds = ((None, GREEN), (0.001, RED))


def _quantiles(metric: Histogram) -> list[Query]:
    buckets = rate(bucket(metric), by="le")
    return [
        Query(f"histogram_quantile({quantile}, {buckets})", f"p{quantile * 100:.0f}", exemplars=True)
        for quantile in (0.5, 0.95, 0.99)
    ]


def _distribution(metric: Histogram) -> Query:
    return Query(f"sum by (le) (increase({bucket(metric)}{{{SELECTED}}}[{RATE_INTERVAL}]))", exemplars=True)


def _budget_left(objective: Objective) -> Panel:
    return stat(
        objective.title,
        "Share of the error budget that a month like the last three days would leave. "
        f"Objective: at most {objective.budget:.1%} {objective.violation}.",
        Query(f"min(1 - {objective.ratio('3d')}{{{SELECTED}}} / {objective.budget})", "left", instant=True),
        unit="percentunit",
        thresholds=((None, RED), (0, AMBER), (0.5, GREEN)),
        width=24 // len(OBJECTIVES),
        runbook=f"{objective.alert}BurnFast",
    )


def _burn_rate(objective: Objective) -> Query:
    return Query(f"max({objective.ratio('1h')}{{{SELECTED}}}) / {objective.budget}", objective.title)


ROWS: layout.Rows = {
    "Do we meet our objectives?": (
        *map(_budget_left, OBJECTIVES),
        time_series(
            "How fast is the error budget spent?",
            "Burn rate over one hour. 1 spends exactly the budget of a month; 14.4 over an hour is critical, 3 over a "
            "day is a warning.",
            *map(_burn_rate, OBJECTIVES),
            thresholds=((None, TRANSPARENT), (1, AMBER), (14.4, RED)),
            width=24,
            runbook="PaymentsWebhookErrorsBurnFast",
        ),
    ),
    "What does Stripe send, and what do we answer?": (
        time_series(
            "How many deliveries of which event type?",
            "Deliveries per second. `other`: types that we do not use. `unread`: rejected before the type was read.",
            Query(f"{rate(EVENTS, by='event_type')} > 0", "{{event_type}}"),
            unit="reqps",
            stacked=True,
        ),
        time_series(
            "What was the outcome?",
            "`applied` changed a payment. `duplicate` and `stale` are normal: Stripe repeats and reorders events.",
            Query(f"{rate(EVENTS, by='outcome')} > 0", "{{outcome}}"),
            unit="reqps",
            stacked=True,
            runbook="PaymentsUnmatchedSurge",
        ),
        time_series(
            "Which deliveries did we not accept?",
            "Answered with 5xx, or with 400 because the event cannot be read. Stripe retries for three days.",
            Query(rate(EVENTS, f'outcome=~"{any_of((*FAILED, "invalid_payload"))}"', by="outcome"), "{{outcome}}"),
            unit="reqps",
            thresholds=RED_ABOVE_ZERO,
            runbook="PaymentsWebhookErrorsBurnFast",
        ),
        time_series(
            "When was each event type last applied?",
            "Time since an event of this type last changed a payment.",
            Query(f"time() - max by (event_type) ({LAST_APPLIED}{{{SELECTED}}} > 0)", "{{event_type}}"),
            unit="s",
            runbook="PaymentsNoneCompleted",
        ),
        time_series(
            "Why are events not applied?",
            "`unused_type`: the endpoint sends more than the services use. `other_account`: set STRIPE_ACCOUNT if it "
            "is yours. `thin_payload`: the endpoint must send snapshot events.",
            Query(rate(IGNORED, by="reason"), "{{reason}}"),
            unit="reqps",
        ),
        time_series(
            "Which objects have a state that we do not know?",
            "Stripe has a state that this version does not know. The log line `unknown_state_received` names it.",
            Query(rate(UNKNOWN_STATES, by="kind"), "{{kind}}"),
            unit="reqps",
            thresholds=AMBER_ABOVE_ZERO,
            runbook="PaymentsUnknownStates",
        ),
    ),
    "How long does Stripe wait for our answer?": (
        heatmap(
            "How long does an answer take?",
            "Time from receipt to answer, including the database write. Each dot links to the trace of a delivery.",
            _distribution(metrics.DURATION),
            runbook="PaymentsWebhookLatencyBurnFast",
        ),
        time_series(
            "How slow are the slowest answers?",
            "Customers wait on Stripe's page until we answer, up to 10 s. Objective: 99 % within 1 s.",
            *_quantiles(metrics.DURATION),
            unit="s",
            thresholds=((None, TRANSPARENT), (1, RED)),
            runbook="PaymentsWebhookLatencyBurnFast",
        ),
        heatmap(
            "How old are events when they arrive?",
            "A retry arrives with the age of its event: what failed an hour ago is an hour old now.",
            _distribution(metrics.EVENT_AGE),
            runbook="PaymentsEventAgeBurnFast",
        ),
        time_series(
            "How old are the oldest events?",
            "Objective: 99 % at most one minute old. Events older than 15 minutes are usually retries.",
            *_quantiles(metrics.EVENT_AGE),
            unit="s",
            thresholds=((None, TRANSPARENT), (60, AMBER), (900, RED)),
            runbook="PaymentsEventAgeBurnFast",
        ),
    ),
    "Are the deliveries really from Stripe?": (
        time_series(
            "Why were signatures rejected?",
            "`wrong_secret`: signed with another secret. `altered_body`, `truncated`: the body was changed in transit. "
            "`too_old`, `in_future`: clocks differ, or an old delivery was replayed.",
            Query(rate(FAILURES, by="reason"), "{{reason}}"),
            unit="reqps",
            thresholds=AMBER_ABOVE_ZERO,
            runbook="PaymentsSignatureFailures",
        ),
        time_series(
            "Which signing secret is in use?",
            "After a rotation, `previous` should drop to 0 within a day.",
            Query(rate(SECRETS, by="secret"), "{{secret}}"),
            unit="reqps",
            runbook="PaymentsPreviousSecretInUse",
        ),
        time_series(
            "Is our clock right?",
            "Difference between our clock and Stripe's at the last delivery. From 300 s, deliveries are rejected.",
            Query(f'max by (pod) (abs({SKEW}{{{SELECTED}, component="webhook"}}))', "{{pod}}"),
            unit="s",
            thresholds=((None, TRANSPARENT), (60, AMBER), (300, RED)),
            runbook="PaymentsClockSkew",
        ),
        time_series(
            "Are the files of secrets valid?",
            "1: an entry is not a secret, and the pod uses the last valid ones. Its log says why in "
            "`signing_secrets_kept` (webhook) or `secrets_kept` (the others).",
            Query(f"max by (file, pod) ({SECRET_FILE_INVALID}{{{SELECTED}}})", "{{pod}} {{file}}"),
            unit="short",
            thresholds=AMBER_ABOVE_ZERO,
            runbook="PaymentsSecretFileInvalid",
        ),
    ),
    "Is DynamoDB healthy?": (
        time_series(
            "How long do calls take?",
            "99th percentile by operation, of the services that somebody waits for. Each dot links to the trace of a "
            "call.",
            Query(
                f"histogram_quantile(0.99, {rate(bucket(metrics.STORE_DURATION), by='le, operation')})",
                "p99 {{operation}}",
                exemplars=True,
            ),
            unit="s",
            runbook="PaymentsStoreErrors",
        ),
        time_series(
            "How do calls end?",
            "`refused` is a normal result: a condition was not met. `throttled`: the table's capacity is exceeded.",
            Query(rate(STORE_CALLS, by="outcome"), "{{outcome}}"),
            unit="reqps",
            runbook="PaymentsStoreThrottled",
        ),
        time_series(
            "Which calls fail?",
            "Errors and throttled calls by operation.",
            Query(
                rate(STORE_CALLS, 'outcome=~"error|throttled"', by="operation, outcome"), "{{operation}}: {{outcome}}"
            ),
            unit="reqps",
            thresholds=RED_ABOVE_ZERO,
            runbook="PaymentsStoreErrors",
        ),
        time_series(
            "How large are the batches?",
            "Mean number of writes in a batch; 25 is the maximum. Large batches under load are expected.",
            Query(f"{rate(total(metrics.BATCH_SIZE))} / {rate(count(metrics.BATCH_SIZE))}", "writes per batch"),
            thresholds=((None, TRANSPARENT), (25, AMBER)),
        ),
    ),
    "Do the pods have what they need?": pods.PANELS,
}


def as_json() -> str:
    """The dashboard's JSON."""
    return layout.dashboard_json(
        "lea-webhook-health",
        "Webhook health",
        "Whether Stripe's events arrive, are verified and are written in time. Each row answers the question in "
        "its title; start at the top.",
        ROWS,
        ("webhook", "pages", "checkout"),
        by_currency=False,
    )
