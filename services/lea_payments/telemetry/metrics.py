"""Every metric we have, with all label values it can take; labels come from our own enums, never from a sender."""

from collections.abc import Iterable, Iterator
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

from lea_payments.payment.event import Outcome
from lea_payments.payment.record import Status as PaymentStatus
from lea_payments.payment.rules import PAID_TWICE, REFUND_FAILED
from lea_payments.stripe.events import OTHER_TYPE, TRANSLATORS
from lea_payments.stripe.signature import SIGNATURE_REASONS

UNREAD_TYPE = "unread"
"""The event type of a delivery that was refused before its type could be trusted."""

OTHER = "other"
CURRENCIES = (
    *(
        "aed",
        "aud",
        "cad",
        "chf",
        "cny",
        "eur",
        "gbp",
        "hkd",
        "idr",
        "inr",
        "jpy",
        "krw",
        "myr",
        "nzd",
        "php",
    ),
    *("sgd", "thb", "twd", "usd", "vnd", OTHER),
)
"""The currencies that have a label of their own; the rest counts as `other`, so that series stay bounded."""

DECLINES = (
    *("insufficient_funds", "generic_decline", "lost_card", "stolen_card", "expired_card", "incorrect_cvc"),
    *("processing_error", "incorrect_number", "card_velocity_exceeded", "fraudulent", "do_not_honor"),
    *("authentication_required", "payment_intent_authentication_failure", "async_payment_failed", OTHER),
)
REVIEW_REASONS = ("amount_mismatch", "currency_mismatch", PAID_TWICE, REFUND_FAILED)
FINAL = (PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.EXPIRED)

UNAVAILABLE = "unavailable"
ERROR = "error"
_REFUSALS = ("invalid_signature", "invalid_payload", "too_large", ERROR)
_OF_ANY_TYPE = (Outcome.WRONG_MODE, ERROR)
_OF_USED_TYPES = (
    Outcome.APPLIED,
    Outcome.DUPLICATE,
    Outcome.STALE,
    Outcome.REVIEW,
    Outcome.UNMATCHED,
    UNAVAILABLE,
)

_DELIVERY = ("event_type", "outcome")
EVENTS = Counter("payments_webhook_events_total", "Deliveries by what became of them.", _DELIVERY)
DURATION = Histogram(
    "payments_webhook_processing_duration_seconds",
    "From receiving a delivery to answering it.",
    _DELIVERY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
EVENT_AGE = Histogram(
    "payments_webhook_event_age_seconds",
    "How old an event was when it arrived; retries make it grow.",
    ("event_type",),
    buckets=(1, 5, 15, 30, 60, 300, 900, 3600, 21600, 86400, 259200),
)
LAST_APPLIED = Gauge(
    "payments_webhook_last_applied_timestamp_seconds",
    "When an event of this type last changed a payment, in seconds since 1970.",
    ("event_type",),
)
SIGNATURE_FAILURES = Counter(
    "payments_webhook_signature_failures_total", "Deliveries that did not prove to be Stripe's.", ("reason",)
)
SECRET_USED = Counter(
    "payments_webhook_secret_used_total", "Verified deliveries by the secret that signed them.", ("secret",)
)
CLOCK_SKEW = Gauge(
    "payments_webhook_clock_skew_seconds",
    "Our clock less the sender's at the last signed delivery, its travel included.",
)
OUTCOMES = Counter("payments_outcomes_total", "Payments that reached a status.", ("outcome", "currency"))
AMOUNT = Counter(
    "payments_amount_minor_units_total",
    "Money of the payments that reached a status, in minor units; never add up currencies.",
    ("outcome", "currency"),
)
COMPLETION_TIME = Histogram(
    "payments_time_to_completion_seconds",
    "From the making of the Checkout Session that was paid to the payment's completion.",
    buckets=(15, 30, 60, 120, 300, 600, 1800, 3600, 10800, 43200, 86400, 259200, 604800),
)
FAILURES = Counter("payments_failures_total", "Declines and failures by Stripe's code.", ("reason",))
REVIEWS = Counter("payments_review_total", "Payments that a person must look at.", ("reason",))
CHECKOUT_SESSIONS = Counter("payments_checkout_sessions_total", "Checkout sessions by how far they came.", ("stage",))
STORE_DURATION = Histogram(
    "payments_store_operation_duration_seconds",
    "Calls to DynamoDB.",
    ("operation", "outcome"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BATCH_SIZE = Histogram(
    "payments_store_batch_size", "Writes that travelled together.", buckets=(1, 2, 3, 5, 8, 13, 20, 25)
)
PAGE_VIEWS = Counter("payments_page_views_total", "Pages shown.", ("page", "status"))
RECONCILER_RUNS = Counter("payments_reconciler_runs_total", "Runs of the reconciler by how they ended.", ("outcome",))
REPAIRED = Counter(
    "payments_reconciler_repaired_total",
    "Changes that the reconciler made, each of which a webhook should have made.",
    ("event_type",),
)
DRIFT = Gauge("payments_reconciler_drift", "Payments that the last whole run found to differ from Stripe.")
RECONCILER_LAST_RUN = Gauge(
    "payments_reconciler_last_run_timestamp_seconds",
    "When the last whole run ended, in seconds since 1970.",
)
BUILD = Gauge("payments_build_info", "What runs here.", ("version", "revision"))

PAGES = (
    *product(
        ("success",),
        ("completed", "processing", "failed", "expired", "confirming", "not_found", "unavailable"),
    ),
    ("cancel", "shown"),
    *product((OTHER,), ("not_found", "unavailable")),
)
RUN_OK = "ok"
RECONCILER_RUN_OUTCOMES = (RUN_OK, "stripe_unavailable", "stripe_refused", "table_unavailable", ERROR)
CHECKOUT_STAGES = ("created", "reused", "completed", "expired", "failed")
STORE_OUTCOMES = (OK := "ok", REFUSED := "refused", THROTTLED := "throttled", ERROR)
"""Of a call to DynamoDB; `refused` is an answer too: a condition did not hold, or an index is missing."""

STORE_OPERATIONS = ("apply", "get", "query", "create", "change_checkout")


def _deliveries() -> Iterator[tuple[str, str]]:
    for event_type in TRANSLATORS:
        yield from product((event_type,), (*_OF_USED_TYPES, *_OF_ANY_TYPE))
    yield from product((OTHER_TYPE,), (Outcome.IGNORED, *_OF_ANY_TYPE))
    yield from product((UNREAD_TYPE,), _REFUSALS)


_LABELS: tuple[tuple[Counter | Gauge | Histogram, Iterable[tuple[str, ...]]], ...] = (
    (EVENTS, _deliveries()),
    (DURATION, _deliveries()),
    (EVENT_AGE, product((*TRANSLATORS, OTHER_TYPE))),
    (LAST_APPLIED, product(TRANSLATORS)),
    (SIGNATURE_FAILURES, product(SIGNATURE_REASONS)),
    (SECRET_USED, product(("current", "previous"))),
    (OUTCOMES, product(FINAL, CURRENCIES)),
    (AMOUNT, product(FINAL, CURRENCIES)),
    (FAILURES, product(DECLINES)),
    (REVIEWS, product(REVIEW_REASONS)),
    (CHECKOUT_SESSIONS, product(CHECKOUT_STAGES)),
    (RECONCILER_RUNS, product(RECONCILER_RUN_OUTCOMES)),
    (REPAIRED, product(TRANSLATORS)),
    (STORE_DURATION, product(STORE_OPERATIONS, STORE_OUTCOMES)),
    (PAGE_VIEWS, PAGES),
)


def _start_every_series_at_zero() -> None:
    """A rate over a series that appears at 1 shows nothing, so each is there from the start."""
    for metric, combinations in _LABELS:
        for labels in combinations:
            metric.labels(*labels)


_start_every_series_at_zero()
