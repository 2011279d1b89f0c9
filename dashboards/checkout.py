"""Builds the dashboard row about the checkout API: its calls, its answers and its calls to Stripe."""

from collections.abc import Sequence

from dashboards.panels import AMBER, GREEN, RED, TRANSPARENT, Panel, Query, stat, time_series
from dashboards.promql import SELECTED, bucket, increase, name, rate
from lea_payments.telemetry import metrics
from lea_payments.telemetry.services import checkout

CALLS, STRIPE = name(checkout.CALLS), name(checkout.STRIPE)
STORE_CALLS = name(metrics.STORE_CALLS)
_DURATIONS = rate(bucket(checkout.CALL_DURATION), by="le, route")

PANELS: Sequence[Panel] = (
    stat(
        "Calls without a valid token",
        "Calls that were answered 401. A caller whose token was removed cannot create a link.",
        Query(increase(CALLS, f'code="{checkout.UNAUTHORIZED}"'), "unauthorized", instant=True),
        thresholds=((None, GREEN), (1, AMBER)),
        width=12,
        runbook="PaymentsCheckoutUnauthorized",
    ),
    stat(
        "Calls with a rejected Stripe key",
        "Calls to Stripe whose API key was invalid or lacked a permission. No link can be created with it.",
        Query(increase(STRIPE, f'outcome="{checkout.KEY_REJECTED}"'), "key rejected", instant=True),
        thresholds=((None, GREEN), (1, RED)),
        width=12,
        runbook="PaymentsStripeKeyRejected",
    ),
    time_series(
        "What did the API answer?",
        "Calls by route and error code. 4xx codes ask the caller to change something; the others are failures.",
        Query(f"{rate(CALLS, by='route, code')} > 0", "{{route}}: {{code}}"),
        unit="reqps",
        stacked=True,
        runbook="PaymentsCheckoutFailures",
    ),
    time_series(
        "How slow are the slowest answers?",
        "99th percentile, without answers 4xx. Creating a link includes a call to Stripe, which takes up to a second.",
        Query(
            f"histogram_quantile(0.99, {_DURATIONS})",
            "p99 {{route}}",
            exemplars=True,
        ),
        unit="s",
        thresholds=((None, TRANSPARENT), (5, AMBER)),
        runbook="PaymentsLinksBurnFast",
    ),
    time_series(
        "How do calls to Stripe end?",
        "`rejected`: Stripe did not accept a request. `unreadable`: the response had no session with a link. "
        "`key_spent` and `in_flight` are normal after a lost answer and with concurrent calls.",
        Query(f"{rate(STRIPE, by='call, outcome')} > 0", "{{call}}: {{outcome}}"),
        unit="reqps",
        stacked=True,
        width=24,
        runbook="PaymentsCheckoutFailures",
    ),
    time_series(
        "How many calls wait for a change?",
        "Calls that wait now, per pod. At 1,000 a pod refuses more with `too_many_waiting`: add replicas.",
        Query(f"{name(checkout.WAITING)}{{{SELECTED}}}", "{{pod}}"),
        thresholds=((None, TRANSPARENT), (900, AMBER)),
        runbook="PaymentsCheckoutFailures",
    ),
    time_series(
        "What do waiting calls read?",
        "Calls to DynamoDB for all calls that wait: `watch` looks for changes, `read_many` reads payments "
        "that are new or changed. Each pod makes at most 24 a second, however many calls wait.",
        Query(rate(STORE_CALLS, 'operation=~"watch|read_many"', by="operation, outcome"), "{{operation}}: {{outcome}}"),
        unit="reqps",
        stacked=True,
        runbook="PaymentsStoreErrors",
    ),
)
