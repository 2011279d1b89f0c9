"""Defines the metrics that several services count, with all values that their labels can have."""

from functools import cache
from itertools import product
from typing import TypeVar

from prometheus_client.metrics import MetricWrapperBase

from lea_payments.payment import situations
from lea_payments.payment.record import DisputeStatus
from lea_payments.payment.record import Status as PaymentStatus
from lea_payments.telemetry.exposition.one_thread import Counter, Gauge, Histogram

MetricT = TypeVar("MetricT", bound=MetricWrapperBase)

UNREAD_TYPE = "unread"
"""The event type of a delivery that was rejected before its type could be trusted."""

OTHER = "other"
CURRENCIES = (
    *("aed", "aud", "cad", "chf", "cny", "eur", "gbp", "hkd", "idr", "inr", "jpy", "krw", "myr", "nzd", "php", "sgd"),
    *("thb", "twd", "usd", "vnd", OTHER),
)
"""Currencies with a label of their own. All others count as `other`, which bounds the number of series."""

DECLINES = (
    *("insufficient_funds", "generic_decline", "lost_card", "stolen_card", "expired_card", "incorrect_cvc"),
    *("processing_error", "incorrect_number", "card_velocity_exceeded", "fraudulent", "do_not_honor"),
    *("authentication_required", "payment_intent_authentication_failure", "async_payment_failed", OTHER),
)
REFUND_FAILED = "refund_failed"
REVIEW_REASONS = (*situations.REVIEW_REASONS, REFUND_FAILED)
DISPUTE_STATUSES = (DisputeStatus.OPEN, DisputeStatus.REVIEW, DisputeStatus.WON, DisputeStatus.LOST)
IGNORED_REASONS = (
    *("unused_type", "other_account", "other_mode", "thin_payload"),
    *("session_mode", "session_open", "nothing_refunded", "no_payment_method", "no_payment", OTHER),
)
"""Why a verified event is not applied. The code after the colon of a reason, which Stripe chooses, is not a label."""

SIGNING_SECRETS_FILE, API_KEY_FILE, API_TOKENS_FILE = "signing_secrets", "api_key", "api_tokens"
MCP_TOKENS_FILE, NOTIFY_SECRETS_FILE = "mcp_tokens", "notify_secrets"
"""The files of secrets, each with a label of its own."""

FINAL = (PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.EXPIRED)

UNAVAILABLE = "unavailable"
ERROR = "error"
_DELIVERY = ("event_type", "outcome")
EVENTS = Counter("payments_webhook_events_total", "Webhook deliveries by outcome.", _DELIVERY)
DURATION = Histogram(
    "payments_webhook_processing_duration_seconds",
    "Time from the first byte of a delivery to its answer.",
    ("outcome",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
EVENT_AGE = Histogram(
    "payments_webhook_event_age_seconds",
    "Age of an event when it was delivered. Stripe's retries make it grow.",
    buckets=(1, 5, 15, 30, 60, 300, 900, 3600, 21600, 86400, 259200),
)
LAST_APPLIED = Gauge(
    "payments_webhook_last_applied_timestamp_seconds",
    "Unix time at which an event of this type last changed a payment.",
    ("event_type",),
)
SIGNATURE_FAILURES = Counter(
    "payments_webhook_signature_failures_total",
    "Deliveries rejected because of their signature, by reason.",
    ("reason",),
)
SECRET_USED = Counter(
    "payments_webhook_secret_used_total", "Verified deliveries by the signing secret that matched.", ("secret",)
)
SECRET_FILE_INVALID = Gauge(
    "payments_secret_file_invalid",
    "1 while a file of secrets is invalid and its last valid secrets are in use, otherwise 0.",
    ("file",),
)
IGNORED = Counter("payments_webhook_ignored_total", "Verified events that were not applied, by reason.", ("reason",))
CLOCK_SKEW = Gauge(
    "payments_webhook_clock_skew_seconds",
    "Our clock minus the sender's at the last signed delivery, travel time included.",
)
OUTCOMES = Counter("payments_outcomes_total", "Payments that reached a final status.", ("outcome", "currency"))
AMOUNT = Counter(
    "payments_amount_minor_units_total",
    "Amount of the completed payments, in minor units. Never add up different currencies.",
    ("outcome", "currency"),
)
COMPLETION_TIME = Histogram(
    "payments_time_to_completion_seconds",
    "Time from the creation of the paid Checkout Session to the completion of its payment.",
    buckets=(30, 60, 120, 300, 900, 3600, 21600, 86400, 259200, 604800),
)
FAILURES = Counter("payments_failures_total", "Declined and failed payments by Stripe's code.", ("reason",))
REVIEWS = Counter("payments_review_total", "Payments that a person must look at.", ("reason",))
UNKNOWN_STATES = Counter(
    "payments_unknown_states_total",
    "Events of a payment whose object has a state that this version does not know, by kind of object.",
    ("kind",),
)
DISPUTES = Counter("payments_disputes_total", "Disputes that reached a published status.", ("status",))
CANCELED = Counter("payments_canceled_total", "Payments that callers canceled, by the call.", ("call",))
CHECKOUT_SESSIONS = Counter("payments_checkout_sessions_total", "Checkout Sessions by stage.", ("stage",))
STORE_DURATION = Histogram(
    "payments_store_operation_duration_seconds",
    "Duration of calls to DynamoDB.",
    ("operation",),
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
STORE_CALLS = Counter("payments_store_operations_total", "Calls to DynamoDB by outcome.", ("operation", "outcome"))
BATCH_SIZE = Histogram("payments_store_batch_size", "Number of writes in one call to DynamoDB.", buckets=(1, 5, 25))
PAGE_VIEWS = Counter("payments_page_views_total", "Pages shown to customers.", ("page", "status"))
RECONCILER_RUNS = Counter("payments_reconciler_runs_total", "Reconciler runs by outcome.", ("outcome",))
REPAIRED = Counter(
    "payments_reconciler_repaired_total",
    "Changes made by the reconciler that a webhook should have made.",
    ("event_type",),
)
DRIFT = Gauge("payments_reconciler_drift", "Payments that the last complete run found to differ from Stripe.")
PAYABLE = Gauge(
    "payments_reconciler_payable_sessions",
    "Open sessions of canceled payments that the last complete run found: a customer can still pay them.",
)
RECONCILER_LAST_RUN = Gauge(
    "payments_reconciler_last_run_timestamp_seconds", "Unix time at which the last complete run ended."
)
BUILD = Gauge("payments_build_info", "Version and revision of the running service.", ("version", "revision"))

PAGES = (
    *product(("success",), ("completed", "processing", "failed", "expired", "confirming", "not_found", "unavailable")),
    *product(("cancel",), ("shown", "completed", "processing", "failed", "expired", "unavailable")),
    *product((OTHER,), ("not_found", "unavailable")),
)
RECONCILER_RUN_OUTCOMES = ("ok", "stripe_unavailable", "stripe_refused", "table_unavailable", ERROR)
OPENED_STAGES, ENDED_STAGES = ("created", "reused"), ("completed", "expired", "failed")
"""Stages of a Checkout Session that the checkout API counts, and those that events report."""

CANCELING_CALLS = (CANCEL := "cancel", SUPERSEDE := "supersede")
"""The calls of the checkout API that cancel a payment: its own one, and that of a payment that supersedes it."""

STORE_OUTCOMES = (OK := "ok", REFUSED := "refused", THROTTLED := "throttled", ERROR)
"""Outcomes of a call to DynamoDB. `refused`: a condition was not met, or an index is missing."""


@cache
def series(metric: MetricT, *labels: str) -> MetricT:
    """The metric's child for these labels, cached: a look-up in the metric costs more than the increment."""
    return metric.labels(*labels)
