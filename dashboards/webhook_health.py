"""The dashboard *Webhook health*: whether Stripe's events arrive, are believed, and are written, for who is on call."""

from prometheus_client import Histogram

from dashboards import frame
from dashboards.panels import AMBER, GREEN, NAMESPACE, RED, Query, Steps, heat, lines, number, rows_of
from dashboards.promql import FAILED, SERVICES, any_of, bucket, count, name, total
from dashboards.slo import PROMISES, Promise
from lea_payments.telemetry import metrics

EVENTS, FAILURES = name(metrics.EVENTS), name(metrics.SIGNATURE_FAILURES)
SECRETS, SKEW, LAST = name(metrics.SECRET_USED), name(metrics.CLOCK_SKEW), name(metrics.LAST_APPLIED)
TOOK, AGE, STORE, BATCH = metrics.DURATION, metrics.EVENT_AGE, metrics.STORE_DURATION, metrics.BATCH_SIZE
STEP = "$__rate_interval"
OURS = f'component=~"{any_of(SERVICES)}"'
LOOK: Steps = ((None, GREEN), (0.001, AMBER))
AT_ONCE: Steps = ((None, GREEN), (0.001, RED))


def rate(series: str, *selectors: str, by: str = "") -> str:
    """How much a second, of all pods together."""
    growing = f"rate({series}{{{', '.join((NAMESPACE, *selectors))}}}[{STEP}])"
    return f"sum by ({by}) ({growing})" if by else f"sum({growing})"


def _quantiles(metric: Histogram, *selectors: str, by: str = "", legend: str = "") -> list[Query]:
    labels = f"le, {by}" if by else "le"
    grown = rate(bucket(metric), *selectors, by=labels)
    return [
        Query(f"histogram_quantile({share}, {grown})", f"{share:.0%}{legend}", traced=True)
        for share in ((0.99,) if by else (0.5, 0.95, 0.99))
    ]


def _spread(metric: Histogram) -> Query:
    return Query(f"sum by (le) (increase({bucket(metric)}{{{NAMESPACE}}}[{STEP}]))", traced=True)


def _promise(promise: Promise) -> tuple[str, str, Query, Steps, str]:
    budget = f"1 - {promise.ratio('3d')}{{{NAMESPACE}}} / {promise.budget}"
    says = f"What a month like the last three days would leave. Promised: at most {promise.budget:.1%} {promise.says}."
    return (
        promise.title,
        says,
        Query(f"min({budget})", "left", at_end=True),
        ((None, RED), (0, AMBER), (0.5, GREEN)),
        f"{promise.alert}BurnFast",
    )


PROMISED = tuple(
    number(title, says, query, unit="percentunit", steps=steps, width=6, runbook=runbook)
    for title, says, query, steps, runbook in map(_promise, PROMISES)
)

ROWS: frame.Rows = {
    "Do we keep our promises?": (
        *PROMISED,
        lines(
            "How fast is the budget spent?",
            "1 is the pace that a month allows; a page goes out at 14.4 over an hour, a ticket at 3 over a day.",
            *(
                Query(f"max({promise.ratio('1h')}{{{NAMESPACE}}}) / {promise.budget}", promise.title)
                for promise in PROMISES
            ),
            steps=((None, "transparent"), (1, AMBER), (14.4, RED)),
            width=24,
            runbook="PaymentsWebhookErrorsBurnFast",
        ),
    ),
    "What does Stripe send, and what do we answer?": (
        lines(
            "How many events of which type?",
            "Deliveries a second. `other` are types that we do not use, `unread` could not be trusted.",
            Query(f"{rate(EVENTS, by='event_type')} > 0", "{{event_type}}"),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "What became of them?",
            "`applied` changed a payment; `duplicate` and `stale` are Stripe's habits and harmless.",
            Query(f"{rate(EVENTS, by='outcome')} > 0", "{{outcome}}"),
            unit="reqps",
            stacked=True,
            runbook="PaymentsUnmatchedSurge",
        ),
        lines(
            "What did we fail to take?",
            "Answered 5xx or 400: Stripe sends these again, for three days.",
            Query(rate(EVENTS, f'outcome=~"{any_of((*FAILED, "invalid_payload"))}"', by="outcome"), "{{outcome}}"),
            unit="reqps",
            steps=AT_ONCE,
            runbook="PaymentsWebhookErrorsBurnFast",
        ),
        lines(
            "When did we last hear of each type?",
            "Time since an event of this type last changed a payment.",
            Query(f"time() - max by (event_type) ({LAST}{{{NAMESPACE}}} > 0)", "{{event_type}}"),
            unit="s",
            runbook="PaymentsNoneCompleted",
        ),
    ),
    "How long does Stripe wait for us?": (
        heat(
            "How long does an answer take?",
            "From receipt to answer, the database write in between. Each dot is a delivery with its trace.",
            _spread(TOOK),
            runbook="PaymentsWebhookLatencyBurnFast",
        ),
        lines(
            "And for the slowest?",
            "The customer waits on Stripe's page for as long as we take, up to 10 s. Promised: 99 % under 1 s.",
            *_quantiles(TOOK),
            unit="s",
            steps=((None, "transparent"), (1, RED)),
            runbook="PaymentsWebhookLatencyBurnFast",
        ),
        heat(
            "How old are events when they come?",
            "Retries make events old: what failed an hour ago comes again now.",
            _spread(AGE),
            runbook="PaymentsEventAgeBurnFast",
        ),
        lines(
            "And the oldest?",
            "Promised: 99 % younger than a minute. Over a quarter of an hour, Stripe is sending again.",
            *_quantiles(AGE),
            unit="s",
            steps=((None, "transparent"), (60, AMBER), (900, RED)),
            runbook="PaymentsEventAgeBurnFast",
        ),
    ),
    "Is it really Stripe?": (
        lines(
            "Why were deliveries not believed?",
            "`wrong_secret`: signed with another secret. `altered_body`, `truncated`: the body changed on its way. "
            "`too_old`, `in_future`: the clocks differ, or somebody replays.",
            Query(rate(FAILURES, by="reason"), "{{reason}}"),
            unit="reqps",
            steps=LOOK,
            width=8,
            runbook="PaymentsSignatureFailures",
        ),
        lines(
            "Which secret is in use?",
            "While a secret is rolled, `previous` should fade out within a day.",
            Query(rate(SECRETS, by="secret"), "{{secret}}"),
            unit="reqps",
            width=8,
            runbook="PaymentsPreviousSecretInUse",
        ),
        lines(
            "Is our clock right?",
            "Our clock less Stripe's at the last delivery. At 300 s deliveries are refused.",
            Query(f'max by (pod) (abs({SKEW}{{{NAMESPACE}, component="webhook"}}))', "{{pod}}"),
            unit="s",
            steps=((None, "transparent"), (60, AMBER), (300, RED)),
            width=8,
            runbook="PaymentsClockSkew",
        ),
    ),
    "Is DynamoDB well?": (
        lines(
            "How long do its answers take?",
            "The slowest hundredth of the calls, by what was asked. Dots are traces.",
            *_quantiles(STORE, by="operation", legend=" {{operation}}"),
            unit="s",
            runbook="PaymentsStoreErrors",
        ),
        lines(
            "How do calls end?",
            "`refused` is an answer too: a condition did not hold. `throttled`: the table's limits.",
            Query(rate(count(STORE), by="outcome"), "{{outcome}}"),
            unit="reqps",
            runbook="PaymentsStoreThrottled",
        ),
        lines(
            "What fails?",
            "Errors and throttling by what was asked.",
            Query(
                rate(count(STORE), 'outcome=~"error|throttled"', by="operation, outcome"), "{{operation}}: {{outcome}}"
            ),
            unit="reqps",
            steps=AT_ONCE,
            runbook="PaymentsStoreErrors",
        ),
        lines(
            "How many writes travel together?",
            "The mean; 25 is the most that fits. Large batches under load are as they should be.",
            Query(f"{rate(total(BATCH))} / {rate(count(BATCH))}", "writes in a batch"),
            steps=((None, "transparent"), (25, AMBER)),
        ),
    ),
    "Have the pods what they need?": (
        lines(
            "CPU",
            "Cores in use; one pod runs on one core.",
            Query(f"rate(process_cpu_seconds_total{{{NAMESPACE}, {OURS}}}[{STEP}])", "{{component}} {{pod}}"),
            steps=((None, "transparent"), (0.8, AMBER)),
            width=8,
        ),
        lines(
            "Memory",
            "Resident memory of each process.",
            Query(f"process_resident_memory_bytes{{{NAMESPACE}, {OURS}}}", "{{component}} {{pod}}"),
            unit="bytes",
            width=8,
        ),
        lines(
            "Open files and connections",
            "Against what the process may have open.",
            Query(
                f"process_open_fds{{{NAMESPACE}, {OURS}}} / process_max_fds{{{NAMESPACE}, {OURS}}}",
                "{{component}} {{pod}}",
            ),
            unit="percentunit",
            steps=((None, "transparent"), (0.8, RED)),
            width=8,
        ),
        lines(
            "Does Prometheus reach them?",
            "Pods that answer at their metrics' port, by part.",
            Query(f"sum by (component) (up{{{NAMESPACE}, {OURS}}})", "{{component}}"),
            width=8,
            runbook="PaymentsServiceDown",
        ),
        lines(
            "How long do they run?",
            "A line that falls to 0 is a restart.",
            Query(f"time() - process_start_time_seconds{{{NAMESPACE}, {OURS}}}", "{{component}} {{pod}}"),
            unit="s",
            width=8,
            runbook="PaymentsTargetDown",
        ),
        rows_of(
            "Which version runs?",
            "Two versions at a time are a rollout under way.",
            Query(
                f"count by (version, revision, component) ({name(metrics.BUILD)}{{{NAMESPACE}}})", "pods", at_end=True
            ),
            width=8,
        ),
    ),
}


def as_json() -> str:
    """The dashboard's file."""
    return frame.page(
        "lea-webhook-health",
        "Webhook health",
        "Whether Stripe's events arrive, are believed and are written: read the rows from the top, each is a question.",
        ROWS,
        ("webhook", "pages", "checkout"),
        by_currency=False,
    )
