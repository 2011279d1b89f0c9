"""Builds the dashboard row about pods: resources, scrape targets, restarts and versions."""

from collections.abc import Sequence

from dashboards.panels import AMBER, RED, TRANSPARENT, Panel, Query, table, time_series
from dashboards.promql import RATE_INTERVAL, SELECTED, SERVICES, any_of, name
from lea_payments.telemetry import connections, metrics

OURS = f'{SELECTED}, component=~"{any_of(SERVICES)}"'
POD = "{{component}} {{pod}}"

PANELS: Sequence[Panel] = (
    time_series(
        "CPU",
        "CPU cores in use. A pod runs one process, which uses at most about one core.",
        Query(f"rate(process_cpu_seconds_total{{{OURS}}}[{RATE_INTERVAL}])", POD),
        thresholds=((None, TRANSPARENT), (0.8, AMBER)),
        width=8,
    ),
    time_series(
        "Memory",
        "Resident memory of each process.",
        Query(f"process_resident_memory_bytes{{{OURS}}}", POD),
        unit="bytes",
        width=8,
    ),
    time_series(
        "Open files and connections",
        "Share of the process's limit of open file descriptors.",
        Query(f"process_open_fds{{{OURS}}} / process_max_fds{{{OURS}}}", POD),
        unit="percentunit",
        thresholds=((None, TRANSPARENT), (0.8, RED)),
        width=8,
    ),
    time_series(
        "Can Prometheus scrape the pods?",
        "Pods that Prometheus scrapes successfully, by service.",
        Query(f"sum by (component) (up{{{OURS}}})", "{{component}}"),
        width=8,
        runbook="PaymentsServiceDown",
    ),
    time_series(
        "How long have the pods been running?",
        "A line that drops to 0 is a restart.",
        Query(f"time() - process_start_time_seconds{{{OURS}}}", POD),
        unit="s",
        width=8,
        runbook="PaymentsTargetDown",
    ),
    table(
        "Which version is running?",
        "Two versions of a service at the same time mean a rollout in progress.",
        Query(f"count by (version, revision, component) ({name(metrics.BUILD)}{{{SELECTED}}})", "pods", instant=True),
        width=8,
    ),
    time_series(
        "Which connections were closed by a limit?",
        "By reason; the log line `connection_closed` says what to do. Scanners on the internet cause a few.",
        Query(
            f"sum by (component, reason) (rate({name(connections.CLOSED)}{{{SELECTED}}}[{RATE_INTERVAL}]))",
            "{{component}}: {{reason}}",
        ),
        unit="cps",
        runbook="PaymentsSendersShutOut",
    ),
    time_series(
        "Were log lines or spans lost?",
        "Lines that could not be written, and spans that the collector did not accept. Payments are not affected.",
        Query(
            f"sum by (component) (rate({name(connections.LINES_DROPPED)}{{{SELECTED}}}[{RATE_INTERVAL}]))",
            "{{component}}: log lines",
        ),
        Query(
            f"sum by (component) (rate({name(connections.SPANS_DROPPED)}{{{SELECTED}}}[{RATE_INTERVAL}]))",
            "{{component}}: spans",
        ),
        unit="cps",
        runbook="PaymentsLogLinesLost",
    ),
)
