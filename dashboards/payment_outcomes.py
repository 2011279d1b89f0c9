"""Builds the dashboard *Payment outcomes*: how payments end, how much money comes in, and what needs a person.

Amounts are never added up across currencies. The currency label `other` covers several currencies, so it has no amount.
"""

from dashboards import checkout, conversation, layout
from dashboards.panels import AMBER, GREEN, RED, Query, Thresholds, bar_gauge, heatmap, stat, table, time_series
from dashboards.promql import RANGE, RATE_INTERVAL, SELECTED, any_of, bucket, increase, name
from lea_payments.payment import money, situations
from lea_payments.telemetry import metrics

OUTCOMES, AMOUNT, SESSIONS = name(metrics.OUTCOMES), name(metrics.AMOUNT), name(metrics.CHECKOUT_SESSIONS)
FAILURES, REVIEWS, VIEWS = name(metrics.FAILURES), name(metrics.REVIEWS), name(metrics.PAGE_VIEWS)
DISPUTES = name(metrics.DISPUTES)
RUNS, REPAIRED = name(metrics.RECONCILER_RUNS), name(metrics.REPAIRED)
DRIFT, LAST_RUN = name(metrics.DRIFT), name(metrics.RECONCILER_LAST_RUN)
CANCELED, PAYABLE = name(metrics.CANCELED), name(metrics.PAYABLE)

MISMATCHES = (situations.AMOUNT_MISMATCH, situations.CURRENCY_MISMATCH)
CURRENCY = 'currency=~"$currency"'
ZERO_DECIMAL = any_of(code for code in metrics.CURRENCIES if code != metrics.OTHER and money.exponent(code) == 0)
"""Currencies without a minor unit, such as the yen."""

AMBER_ABOVE_ZERO: Thresholds = ((None, GREEN), (0.5, AMBER))
RED_ABOVE_ZERO: Thresholds = ((None, GREEN), (0.5, RED))
PAID_RATIO: Thresholds = ((None, RED), (0.5, AMBER), (0.7, GREEN))


def amount(over: str, by: str, *matchers: str) -> str:
    """The amount in major units; `by` must contain `currency`."""
    two_decimal = f'currency!~"{ZERO_DECIMAL}|{metrics.OTHER}"'
    cents = increase(AMOUNT, CURRENCY, two_decimal, *matchers, by=by, over=over)
    whole = increase(AMOUNT, CURRENCY, f'currency=~"{ZERO_DECIMAL}"', *matchers, by=by, over=over)
    return f"{cents} / 100 or {whole}"


def _paid_ratio() -> str:
    paid, ended = (increase(SESSIONS, f'stage=~"{stages}"') for stages in ("completed", "completed|failed|expired"))
    return f"{paid} / {ended}"


def _payments(outcome: str) -> Query:
    return Query(increase(OUTCOMES, CURRENCY, f'outcome="{outcome}"'), outcome, instant=True)


def _completion_time(quantile: float) -> Query:
    series = f"{bucket(metrics.COMPLETION_TIME)}{{{SELECTED}}}"
    expr = f"histogram_quantile({quantile}, sum by (le) (rate({series}[{RATE_INTERVAL}])))"
    return Query(expr, f"p{quantile * 100:.0f}", exemplars=True)


_COMPLETED_AMOUNT = amount(RATE_INTERVAL, "currency", 'outcome="completed"')

ROWS: layout.Rows = {
    "Is money coming in?": (
        stat("Completed", "Payments completed in the selected time range.", _payments("completed")),
        stat(
            "Paid sessions",
            "Share of the ended Checkout Sessions that were paid. Open sessions are not counted.",
            Query(_paid_ratio(), "paid", instant=True),
            unit="percentunit",
            thresholds=PAID_RATIO,
            runbook="PaymentsNoneCompleted",
        ),
        stat(
            "Failed",
            "Payments that failed. Some of these customers have tried again and paid since.",
            _payments("failed"),
        ),
        stat("Expired", "Payments whose link expired or was canceled.", _payments("expired")),
        stat(
            "In review",
            "The amount or currency paid differs from the payment. A person must decide.",
            Query(increase(REVIEWS, f'reason=~"{any_of(MISMATCHES)}"'), "in review", instant=True),
            thresholds=AMBER_ABOVE_ZERO,
            runbook="PaymentsInReview",
        ),
        stat(
            "Paid twice",
            "Two PaymentIntents paid the same payment. One of them must be refunded.",
            Query(increase(REVIEWS, 'reason="paid_twice"'), "paid twice", instant=True),
            thresholds=RED_ABOVE_ZERO,
            runbook="PaymentsPaidTwice",
        ),
        time_series(
            "How many payments ended, and how?",
            "Payments by final status. Each is counted once, even if Stripe delivers the event several times.",
            Query(increase(OUTCOMES, CURRENCY, by="outcome", over=RATE_INTERVAL), "{{outcome}}"),
            stacked=True,
            runbook="PaymentsNoneCompleted",
        ),
        table(
            "How many payments and how much money, in which currency?",
            "Amounts are of completed payments, in the currency of their row; do not add them up. `other` has none.",
            Query(f"{increase(OUTCOMES, CURRENCY, by='outcome, currency')} > 0", "payments", instant=True),
            Query(f"({amount(RANGE, 'outcome, currency')}) > 0", "amount", instant=True),
        ),
        time_series(
            "How much money came in?",
            "Amount of the completed payments, one line per currency in its own unit. Do not add up the lines.",
            Query(f"({_COMPLETED_AMOUNT}) > 0", "{{currency}}"),
            width=24,
        ),
    ),
    "Can callers create links?": checkout.PANELS,
    "Where do customers drop out?": (
        bar_gauge(
            "How do checkout sessions end?",
            "Checkout Sessions created, and how they ended: paid, failed or expired. The rest are still open.",
            *(
                Query(increase(SESSIONS, f'stage="{stage}"'), stage, instant=True)
                for stage in ("created", "completed", "failed", "expired")
            ),
            runbook="PaymentsNoneCompleted",
        ),
        time_series(
            "How many links were created, and how did they end?",
            "The same over time. `reused` counts the times that an open link was returned again.",
            Query(increase(SESSIONS, by="stage", over=RATE_INTERVAL), "{{stage}}"),
            runbook="PaymentsNoneCompleted",
        ),
        time_series(
            "What did customers see?",
            "Page views by the status that the page showed.",
            Query(f"{increase(VIEWS, by='page, status', over=RATE_INTERVAL)} > 0", "{{page}}: {{status}}"),
            stacked=True,
            runbook="PaymentsPagesBurnFast",
        ),
        time_series(
            "How long from link to payment?",
            "Time from the creation of the paid session to completion. Delayed payment methods take days. "
            "Each dot links to the trace of a delivery.",
            *map(_completion_time, (0.5, 0.9, 0.99)),
            unit="s",
            runbook="PaymentsEventAgeBurnFast",
        ),
        time_series(
            "How many payments do callers cancel?",
            "Payments canceled by a call, or superseded by a newer payment. Their links cannot be paid any more.",
            Query(increase(CANCELED, by="call", over=RATE_INTERVAL), "{{call}}"),
            width=24,
            runbook="PaymentsCanceledLinkOpen",
        ),
        heatmap(
            "How is the time to completion distributed?",
            "The same as a distribution. Each dot links to the trace of the delivery that completed a payment.",
            Query(
                f"sum by (le) (increase({bucket(metrics.COMPLETION_TIME)}{{{SELECTED}}}[{RATE_INTERVAL}]))",
                exemplars=True,
            ),
            width=24,
        ),
    ),
    "Why do payments fail?": (
        bar_gauge(
            "Which reasons?",
            "Stripe's decline codes; `other` stands for every code without a label of its own.",
            Query(f"sort_desc({increase(FAILURES, by='reason')} > 0)", "{{reason}}", instant=True),
        ),
        time_series(
            "Since when?",
            "One reason that rises alone often means a bank's outage or card fraud. All rising together: a busy day.",
            Query(f"{increase(FAILURES, by='reason', over=RATE_INTERVAL)} > 0", "{{reason}}"),
            stacked=True,
        ),
    ),
    "Which payments need a person?": (
        time_series(
            "How many payments need a decision, and why?",
            "The log line of the event names the payment; `lea-payments show ID` explains it.",
            Query(increase(REVIEWS, by="reason", over=RATE_INTERVAL), "{{reason}}"),
            thresholds=AMBER_ABOVE_ZERO,
            width=24,
            runbook="PaymentsInReview",
        ),
        stat(
            "Fraud warnings",
            "Payments with an early fraud warning. Most become a dispute unless the payment is refunded first.",
            Query(increase(REVIEWS, f'reason="{situations.FRAUD_WARNING}"'), "fraud warnings", instant=True),
            thresholds=RED_ABOVE_ZERO,
            width=6,
            runbook="PaymentsFraudWarning",
        ),
        stat(
            "Failed refunds",
            "Refunds that were returned by the customer's bank. The customer must be paid in another way.",
            Query(increase(REVIEWS, f'reason="{metrics.REFUND_FAILED}"'), "failed refunds", instant=True),
            thresholds=AMBER_ABOVE_ZERO,
            width=6,
            runbook="PaymentsInReview",
        ),
        bar_gauge(
            "How do disputes go?",
            "Disputes that reached a status. `open` needs evidence before its due date; `review` waits for the bank.",
            *(
                Query(increase(DISPUTES, f'status="{status}"'), status, instant=True)
                for status in metrics.DISPUTE_STATUSES
            ),
        ),
    ),
    "Do your systems know what happened to payments?": conversation.NOTIFICATIONS,
    "What does the sales agent do?": conversation.TOOLS,
    "Do our records agree with Stripe?": (
        stat(
            "Drift",
            "Payments that the last reconciler run found to differ from Stripe. It has repaired them.",
            Query(f"max({DRIFT}{{{SELECTED}}})", "drift", instant=True),
            thresholds=AMBER_ABOVE_ZERO,
            runbook="PaymentsReconcilerDrift",
        ),
        stat(
            "Open links of canceled payments",
            "Sessions that a customer can still pay although the payment is canceled. A person must expire them.",
            Query(f"max({PAYABLE}{{{SELECTED}}})", "open links", instant=True),
            thresholds=RED_ABOVE_ZERO,
            runbook="PaymentsCanceledLinkOpen",
        ),
        stat(
            "Since the last run",
            "Time since the reconciler last finished a run. A run starts every five minutes.",
            Query(f"time() - max({LAST_RUN}{{{SELECTED}}} > 0)", "since the last run", instant=True),
            unit="s",
            thresholds=((None, GREEN), (900, AMBER), (1800, RED)),
            runbook="PaymentsReconcilerBehind",
        ),
        time_series(
            "What was repaired?",
            "Repairs by event type. A few after an outage are expected; many mean that the webhook misses events.",
            Query(increase(REPAIRED, by="event_type", over=RATE_INTERVAL), "{{event_type}}"),
            width=6,
            runbook="PaymentsReconcilerDrift",
        ),
        time_series(
            "How do reconciler runs end?",
            "`ok`, or the reason why the run did not finish.",
            Query(increase(RUNS, by="outcome", over=RATE_INTERVAL), "{{outcome}}"),
            width=6,
            runbook="PaymentsReconcilerBehind",
        ),
    ),
}


def as_json() -> str:
    """The dashboard's JSON."""
    return layout.dashboard_json(
        "lea-payment-outcomes",
        "Payment outcomes",
        "How payments end and how much money comes in. Each row answers the question in its title; start at the top.",
        ROWS,
        ("checkout", "webhook", "pages"),
        by_currency=True,
    )
