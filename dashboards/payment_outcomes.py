"""The dashboard *Payment outcomes*: what happens to the money, for whoever is asked about it.

Money is never added up across currencies, and what is counted as the currency `other` is several: it has no sum.
"""

from dashboards import frame
from dashboards.panels import AMBER, GREEN, NAMESPACE, RED, Query, Steps, bars, heat, lines, number, rows_of
from dashboards.promql import any_of, bucket, name
from lea_payments.payment import money
from lea_payments.telemetry import metrics

OUTCOMES, AMOUNT, SESSIONS = name(metrics.OUTCOMES), name(metrics.AMOUNT), name(metrics.CHECKOUT_SESSIONS)
FAILURES, REVIEWS, VIEWS = name(metrics.FAILURES), name(metrics.REVIEWS), name(metrics.PAGE_VIEWS)
RUNS, REPAIRED = name(metrics.RECONCILER_RUNS), name(metrics.REPAIRED)
DRIFT, LAST_RUN = name(metrics.DRIFT), name(metrics.RECONCILER_LAST_RUN)

CURRENCY = 'currency=~"$currency"'
RANGE, STEP = "$__range", "$__rate_interval"
WHOLE = any_of(code for code in metrics.CURRENCIES if code != metrics.OTHER and money.exponent(code) == 0)
"""Currencies without hundredths: yen and the like."""

LOOK: Steps = ((None, GREEN), (0.5, AMBER))
AT_ONCE: Steps = ((None, GREEN), (0.5, RED))
RATIO: Steps = ((None, RED), (0.5, AMBER), (0.7, GREEN))


def counted(series: str, *selectors: str, by: str = "", over: str = RANGE) -> str:
    """How much the series grew, of all pods together."""
    grown = f"increase({series}{{{', '.join((NAMESPACE, *selectors))}}}[{over}])"
    return f"sum by ({by}) ({grown})" if by else f"sum({grown})"


def money_of(over: str, by: str, *selectors: str) -> str:
    """In major units, each currency by itself; `by` names the currency."""
    hundredths = counted(AMOUNT, CURRENCY, f'currency!~"{WHOLE}|{metrics.OTHER}"', *selectors, by=by, over=over)
    whole = counted(AMOUNT, CURRENCY, f'currency=~"{WHOLE}"', *selectors, by=by, over=over)
    return f"{hundredths} / 100 or {whole}"


def _paid_ratio() -> str:
    paid, ended = (counted(SESSIONS, f'stage=~"{stages}"') for stages in ("completed", "completed|failed|expired"))
    return f"{paid} / {ended}"


def _outcome(outcome: str) -> Query:
    return Query(counted(OUTCOMES, CURRENCY, f'outcome="{outcome}"'), outcome, at_end=True)


def _quantile(share: float) -> Query:
    series = f"{bucket(metrics.COMPLETION_TIME)}{{{NAMESPACE}}}"
    expr = f"histogram_quantile({share}, sum by (le) (rate({series}[{STEP}])))"
    return Query(expr, f"{share:.0%} are quicker", traced=True)


_CAME_IN = money_of(STEP, "currency", 'outcome="completed"')

ROWS: frame.Rows = {
    "Is money coming in?": (
        number("Completed", "Payments that were completed in the time shown.", _outcome("completed")),
        number(
            "How many of them paid?",
            "Of the checkout sessions that ended, the share that was paid. Links that are still open do not count.",
            Query(_paid_ratio(), "paid", at_end=True),
            unit="percentunit",
            steps=RATIO,
            runbook="PaymentsNoneCompleted",
        ),
        number(
            "Failed", "Payments that were declined; some customers tried again and have paid since.", _outcome("failed")
        ),
        number("Expired", "Payments whose link ran out.", _outcome("expired")),
        number(
            "In review",
            "Money came that is not what was asked for, or a refund did not arrive: a person must decide.",
            Query(counted(REVIEWS, 'reason!="paid_twice"'), "in review", at_end=True),
            steps=LOOK,
            runbook="PaymentsInReview",
        ),
        number(
            "Paid twice",
            "Two PaymentIntents have paid one payment: one of them is to be refunded.",
            Query(counted(REVIEWS, 'reason="paid_twice"'), "paid twice", at_end=True),
            steps=AT_ONCE,
            runbook="PaymentsPaidTwice",
        ),
        lines(
            "How many payments ended, and how?",
            "Payments by the status that they reached, each counted once however often Stripe sends the news.",
            Query(counted(OUTCOMES, CURRENCY, by="outcome", over=STEP), "{{outcome}}"),
            stacked=True,
            runbook="PaymentsNoneCompleted",
        ),
        rows_of(
            "How many payments and how much money, in which currency?",
            "Each row is one currency in its own unit; a sum across rows would mean nothing. `other` has no amount.",
            Query(f"{counted(OUTCOMES, CURRENCY, by='outcome, currency')} > 0", "payments", at_end=True),
            Query(f"({money_of(RANGE, 'outcome, currency')}) > 0", "amount", at_end=True),
        ),
        lines(
            "How much money came in?",
            "Completed payments: one line for each currency, in its own unit. The lines do not add up.",
            Query(f"({_CAME_IN}) > 0", "{{currency}}"),
            width=24,
        ),
    ),
    "Where do customers drop out?": (
        bars(
            "From the link to the end",
            "Checkout sessions: created, then paid, failed or run out. What is missing is still open.",
            *(
                Query(counted(SESSIONS, f'stage="{stage}"'), stage, at_end=True)
                for stage in ("created", "completed", "failed", "expired")
            ),
            runbook="PaymentsNoneCompleted",
        ),
        lines(
            "How many links were made, and how did they end?",
            "The same over time; `reused` is a link that was handed out again while it was open.",
            Query(counted(SESSIONS, by="stage", over=STEP), "{{stage}}"),
            runbook="PaymentsNoneCompleted",
        ),
        lines(
            "What did customers see?",
            "Pages shown, by what they said of the payment.",
            Query(f"{counted(VIEWS, by='page, status', over=STEP)} > 0", "{{page}}: {{status}}"),
            stacked=True,
            runbook="PaymentsPagesBurnFast",
        ),
        lines(
            "How long from the link to the money?",
            "From the paid session's making to completion; delayed methods take days. Dots are traces.",
            *map(_quantile, (0.5, 0.9, 0.99)),
            unit="s",
            runbook="PaymentsEventAgeBurnFast",
        ),
        heat(
            "How long did most of them take?",
            "The same, spread out. Each dot is a payment with its trace.",
            Query(f"sum by (le) (increase({bucket(metrics.COMPLETION_TIME)}{{{NAMESPACE}}}[{STEP}]))", traced=True),
            width=24,
        ),
    ),
    "Why were payments declined?": (
        bars(
            "Which reasons?",
            "Stripe's codes; `other` is every code without a name of its own here.",
            Query(f"sort_desc({counted(FAILURES, by='reason')} > 0)", "{{reason}}", at_end=True),
        ),
        lines(
            "Since when?",
            "A single reason that rises alone is often a bank or a fraud wave; all of them together are busy days.",
            Query(f"{counted(FAILURES, by='reason', over=STEP)} > 0", "{{reason}}"),
            stacked=True,
        ),
    ),
    "Does a person have to look?": (
        lines(
            "Which payments wait for a decision, and why?",
            "Look one up with `lea-payments show ID`; the log line of its event names the payment.",
            Query(counted(REVIEWS, by="reason", over=STEP), "{{reason}}"),
            steps=LOOK,
            width=24,
            runbook="PaymentsInReview",
        ),
    ),
    "Do our records agree with Stripe?": (
        number(
            "Differing",
            "Payments that the last run of the reconciler found to differ from Stripe's word; it has repaired them.",
            Query(f"max({DRIFT}{{{NAMESPACE}}})", "differing", at_end=True),
            steps=LOOK,
            runbook="PaymentsReconcilerDrift",
        ),
        number(
            "Since the last look",
            "Time since the reconciler last finished a run; it begins one every five minutes.",
            Query(f"time() - max({LAST_RUN}{{{NAMESPACE}}} > 0)", "since then", at_end=True),
            unit="s",
            steps=((None, GREEN), (900, AMBER), (1800, RED)),
            runbook="PaymentsReconcilerBehind",
        ),
        lines(
            "What was repaired?",
            "Events that no webhook had told of. A few after an outage are right; many are a webhook that loses.",
            Query(counted(REPAIRED, by="event_type", over=STEP), "{{event_type}}"),
            width=8,
            runbook="PaymentsReconcilerDrift",
        ),
        lines(
            "How do its runs end?",
            "`ok`, or what kept it from finishing.",
            Query(counted(RUNS, by="outcome", over=STEP), "{{outcome}}"),
            width=8,
            runbook="PaymentsReconcilerBehind",
        ),
    ),
}


def as_json() -> str:
    """The dashboard's file."""
    return frame.page(
        "lea-payment-outcomes",
        "Payment outcomes",
        "What happens to the money: read the rows from the top, each is a question.",
        ROWS,
        ("checkout", "webhook", "pages"),
        by_currency=True,
    )
