"""Generates docs/reference/ from the code; `python -m tests.docs.reference` writes the pages."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from lea_payments import settings
from lea_payments.checkout.errors import ERRORS
from lea_payments.payment.rules import REVIEW_RULE, RULES
from lea_payments.store import table
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.stripe.signature import REMEDIES
from lea_payments.telemetry import connections, metrics
from lea_payments.webhook.app import HTTP_STATUS

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
METRICS_PAGE = FOLDER / "metrics.md"
CHAOS_RESULTS = FOLDER / "chaos.json"
"""The figures of one run of the chaos suite, recorded by hand: a run takes eleven minutes."""

SERVICES: Mapping[str, type[settings.Settings]] = {
    "webhook": settings.WebhookSettings,
    "pages": settings.PagesSettings,
    "checkout": settings.CheckoutSettings,
    "reconciler": settings.ReconcilerSettings,
}
OUTCOMES: Mapping[str, str] = {
    "applied": "The event changed the payment.",
    "duplicate": "The event, or an equal one, was applied before.",
    "stale": "The record already has a later status.",
    "review": "The customer paid another amount or currency, or a refund failed. A person must decide.",
    "unmatched": "The event is valid, but no payment belongs to it.",
    "ignored": "The service does not use this type of event, or the event is not about a payment of this account. "
    "The log line `webhook_answered` has the reason.",
    "wrong_mode": "A test event in live mode, or a live event in test mode.",
    "invalid_signature": "The signature is missing, wrong, too old or in the future. "
    "See [signature reasons](signature-reasons.md).",
    "invalid_payload": "The body is incomplete, or it is signed but not an event that the service can read.",
    "too_large": "The body is larger than 256 KiB.",
    "unavailable": "DynamoDB did not confirm the write in time. Stripe sends the event again.",
    "error": "An unexpected error in the service. Stripe sends the event again.",
}


def table_of(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(str(cell) for cell in row)} |".replace("|  |", "| |") for row in rows)


def settings_page() -> Iterator[str]:
    """Every environment variable that a service reads."""
    yield "# Settings"
    yield ""
    yield "Services and commands read these variables from the environment and from a file `.env` in the current"
    yield "folder. They report all missing and invalid values together and then exit."
    yield ""
    yield from table_of(("variable", "default", "services", "meaning"), _settings())
    yield ""
    yield "`lea-payments init-table`, `show` and `replay` read the settings of the table. `show --stripe` and"
    yield "`replay` from Stripe also read the reconciler's API key, URL, mode and account. `lea-payments check` checks"
    yield "every setting that is present. If `DDB_ENDPOINT` is set and there are no AWS credentials, the services use"
    yield "placeholder credentials."


def _settings() -> Iterator[Sequence[str]]:
    readers: dict[str, list[str]] = {}
    defaults: dict[str, list[str]] = {}
    meanings: dict[str, str] = {}
    for service, kind in SERVICES.items():
        for field in kind.model_fields.values():
            name = str(field.validation_alias)
            required = field.is_required() or name == "STRIPE_WEBHOOK_SECRET"
            default = "required" if required else _default(field.default)
            readers.setdefault(name, []).append(service)
            meanings[name] = field.description or ""
            if default not in defaults.setdefault(name, []):
                defaults[name].append(default)
    for name, services in readers.items():
        users = "all services" if len(services) == len(SERVICES) else ", ".join(services)
        yield f"`{name}`", ", ".join(defaults[name]), users, meanings[name]


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value in (None, "", ()) else f"`{value}`"


def metrics_page() -> Iterator[str]:
    """Every metric that a service exposes."""
    yield "# Metrics"
    yield ""
    yield "Every service exposes `/metrics` on port 9464 in the Prometheus and OpenMetrics formats. Every series"
    yield "starts at 0. Labels come from fixed lists, so a sender cannot create new series."
    yield ""
    yield from table_of(("metric", "type", "labels", "meaning"), _metrics())


def _metrics() -> Iterator[Sequence[str]]:
    for metric in (*vars(metrics).values(), *vars(connections).values()):
        if isinstance(metric, Counter | Gauge | Histogram):
            name = metric._name + ("_total" if isinstance(metric, Counter) else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"`{name}`", type(metric).__name__.lower(), labels, metric._documentation


def webhook_answers_page() -> Iterator[str]:
    """The answers of the webhook and the events to subscribe to."""
    yield "# Webhook answers"
    yield ""
    yield 'The webhook answers every delivery with one outcome, for example `{"outcome": "applied"}`. Stripe sends'
    yield "an event again, for up to three days, until it receives a 2xx answer."
    yield ""
    answers = ((f"`{outcome}`", status, OUTCOMES[outcome]) for outcome, status in HTTP_STATUS.items())
    yield from table_of(("outcome", "HTTP status", "meaning"), answers)
    yield ""
    yield "## Events to subscribe to"
    yield ""
    yield "Subscribe the endpoint to exactly these events. Other events are answered 200 with the outcome `ignored`."
    yield ""
    yield from (f"- `{name}`" for name in EVENT_TYPES)


def signature_reasons_page() -> Iterator[str]:
    """Why a signature was rejected."""
    yield "# Signature reasons"
    yield ""
    yield "A delivery with the outcome `invalid_signature` has one of these reasons. The metric"
    yield "`payments_webhook_signature_failures_total` counts every rejected delivery by reason. The log event"
    yield "`signature_rejected` names the reason and the remedy, at most once per minute and reason. A reason other"
    yield "than `wrong_secret` is given only if the service can prove it."
    yield ""
    yield from table_of(("reason", "remedy"), ((f"`{reason}`", remedy) for reason, remedy in REMEDIES.items()))


def api_errors_page() -> Iterator[str]:
    """The error codes of the checkout API."""
    yield "# API errors"
    yield ""
    yield 'An error of the checkout API is `{"error": {"code", "message", "param"}}`. The code is stable; the'
    yield "message may change."
    yield ""
    errors = ((f"`{code}`", error.status, error.when) for code, error in ERRORS.items())
    yield from table_of(("code", "HTTP status", "when"), errors)


def states_page() -> Iterator[str]:
    """The fields of a record and the ranks of its status."""
    steps = sorted([*RULES.values(), REVIEW_RULE])
    reasons = {10: "the decline code", REVIEW_RULE.rank: "what differs"}
    yield "# States of a payment"
    yield ""
    yield "An event changes the status only if its rank is higher than the rank of the record."
    yield "[Architecture](../architecture.md) explains why."
    yield ""
    first = (0, "`pending`", "", "the record was created", "yes")
    rest = (
        (rank, f"`{status}`", reason or reasons.get(rank, ""), event, may_pay)
        for rank, status, reason, event, may_pay, *_ in steps
    )
    yield from table_of(
        ("rank", "`payment_status`", "`status_reason`", "event", "may the customer still pay?"), [first, *rest]
    )
    yield ""
    yield "```mermaid"
    yield "flowchart LR"
    ladder = [(0, "pending", None), *((rule.rank, rule.status, rule.reason) for rule in steps)]
    for rank, status, reason in ladder:
        yield f'    r{rank}["{rank}<br/>{status}{"<br/>" if reason else ""}{reason or ""}"]'
    yield "    " + " --> ".join(f"r{rank}" for rank, _, _ in ladder)
    yield "```"
    yield ""
    yield "## Published fields"
    yield ""
    yield from (f"- `{name}`" for name in table.PUBLISHED_FIELDS)


def chaos_results_page() -> Iterator[str]:
    """The results of one run of the chaos suite."""
    results = json.loads(CHAOS_RESULTS.read_text())
    columns = results["columns"]
    totals = {column: sum(run[column] for run in results["runs"]) for column in columns}
    yield "# Chaos results"
    yield ""
    yield f"One run of `make chaos` on {results['machine']} ({results['date']}, {results['duration']})."
    yield "Each row is one kind of failure under load. After it, the suite compares every record with Stripe's objects."
    yield ""
    rows = ((run["name"], *(f"{run[column]:,}" for column in columns)) for run in results["runs"])
    yield from table_of(("run", *columns), [*rows, ("**all**", *(f"{totals[column]:,}" for column in columns))])
    yield ""
    yield from (f"- **{column}**: {results['meaning'][column]}" for column in columns)


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "webhook-answers.md": webhook_answers_page,
    "signature-reasons.md": signature_reasons_page,
    "api-errors.md": api_errors_page,
    "states.md": states_page,
    "chaos-results.md": chaos_results_page,
}


def text_of(name: str) -> str:
    """The page generated from the current code."""
    return "<!-- Generated by `make docs`. Do not edit. -->\n\n" + "\n".join(PAGES[name]()) + "\n"


if __name__ == "__main__":
    for page in PAGES:
        (FOLDER / page).write_text(text_of(page))
