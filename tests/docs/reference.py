"""Generates docs/reference/ and the generated sections of other documents: `python -m tests.docs.reference`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from lea_demo.settings import DemoSettings
from lea_payments import settings
from lea_payments.checkout.errors import ERRORS, NEVER, ErrorCode
from lea_payments.mcp.errors import OWN_CODES
from lea_payments.mcp.settings import McpServiceSettings
from lea_payments.notifier.settings import NotifierSettings
from lea_payments.pages.settings import PagesSettings
from lea_payments.stripe.signature import REMEDIES
from lea_payments.telemetry import connections, metrics
from lea_payments.telemetry.exposition import series
from lea_payments.telemetry.mcp import tool_calls
from lea_payments.telemetry.services import checkout, notifier
from lea_payments.telemetry.tracing.variables import OtelVariables
from lea_payments.webhook.app import HTTP_STATUS
from tests.attack.attacks import ATTACKS
from tests.attack.results import COLUMNS
from tests.bench.published.page import performance_page
from tests.docs import model
from tests.docs.model import table_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
METRICS_PAGE = FOLDER / "metrics.md"
CHAOS_RESULTS = FOLDER / "chaos.json"
"""The figures of one run of the chaos suite, recorded by hand: a run takes eleven minutes."""

ATTACK_RESULTS = FOLDER / "attacks.json"
"""The figures of one run of `make attack`; its option `--record` writes them."""

SERVICES: Mapping[str, type[settings.Settings]] = {
    "webhook": settings.WebhookSettings,
    "pages": PagesSettings,
    "checkout": settings.CheckoutSettings,
    "reconciler": settings.ReconcilerSettings,
    "notifier": NotifierSettings,
    "mcp": McpServiceSettings,
}
OUTCOMES: Mapping[str, str] = {
    "applied": "The event changed the payment.",
    "duplicate": "The event was applied before.",
    "stale": "There is nothing new in the event: its object is known in the same state or in a later one.",
    "review": "The customer paid another amount or currency, a refund failed, or the card's bank warns of fraud. "
    "A person must decide.",
    "unmatched": "The event is valid, but no payment belongs to it.",
    "ignored": "The service does not use this type of event, or the event is not about a payment of this account. "
    "See [reasons](#reasons-of-events-that-are-not-applied).",
    "wrong_mode": "A test event in live mode, or a live event in test mode.",
    "invalid_signature": "The signature is missing, wrong, too old or in the future. "
    "See [signature reasons](signature-reasons.md).",
    "invalid_payload": "The body is incomplete, or it is signed but not an event that the service can read.",
    "too_large": "The body is larger than 256 KiB.",
    "unavailable": "DynamoDB did not confirm the write in time, or too many deliveries wait. Stripe repeats the event.",
    "error": "An unexpected error in the service. Stripe sends the event again.",
}

IGNORED: Mapping[str, str] = {
    "unused_type": "The services do not use this type of event: the endpoint sends more than it should.",
    "other_account": "The event names an account or a context other than `STRIPE_ACCOUNT`, as those of connected "
    "accounts do.",
    "other_mode": "A test event in live mode, or a live event in test mode. The outcome is `wrong_mode`.",
    "thin_payload": "The endpoint sends thin events, which do not contain the object: create one for snapshot events.",
    "session_mode": "The session saves a card or starts a subscription. In the log the mode follows, after a colon.",
    "session_open": "The session is still open.",
    "nothing_refunded": "The charge has no refund.",
    "no_payment_method": "The charge does not say how it was paid.",
    "no_payment": "The charge belongs to no payment of this table: to another system's, or its PaymentIntent has no "
    "metadata and the event of its session has not arrived yet.",
    "other": "Any other reason.",
}
SECTIONS: Mapping[str, Mapping[str, Callable[[], Iterator[str]]]] = {
    "README.md": {"events": model.event_types},
    "docs/architecture.md": {"facts": model.facts_section, "situations": model.situations_section},
}
"""The generated sections of the other documents: each is between two comments with its name."""


def settings_page() -> Iterator[str]:
    """Every environment variable that a service reads."""
    yield "# Settings"
    yield ""
    yield "Services and commands read these variables from the environment and from a file `.env` in the current"
    yield "folder. They report all missing and invalid values together and then exit. Whitespace around a value is"
    yield "removed, and an empty variable counts as unset; only an empty `DDB_ENDPOINT` has a meaning."
    yield ""
    yield from table_of(("variable", "default", "services", "meaning"), _settings())
    yield ""
    yield "`lea-payments init-table`, `show` and `replay` read the settings of the table. `show --stripe` and"
    yield "`replay` from Stripe also read the reconciler's API key, URL, mode and account. `lea-payments check` checks"
    yield "every setting that is present. If `DDB_ENDPOINT` is set and there are no AWS credentials, the services use"
    yield "placeholder credentials."
    yield ""
    yield "## OpenTelemetry"
    yield ""
    yield "All services read these variables, which have the meaning of OpenTelemetry's specification; defaults are in"
    yield "brackets. An invalid one is ignored and never stops a service: the log line `telemetry_setting_ignored`, and"
    yield "`lea-payments check`, name it and say what to do. With `grpc` nothing is exported."
    yield ""
    variables = ((f"`{name.upper()}`", field.description or "") for name, field in OtelVariables.model_fields.items())
    yield from table_of(("variable", "meaning"), variables)
    yield ""
    yield "## The demo"
    yield ""
    yield "`make demo` reads these variables, and `STRIPE_SECRET_KEY`, `STRIPE_WEBHOOK_SECRET`, `STRIPE_API_BASE`,"
    yield "`PAYMENTS_API_TOKEN`, `NOTIFY_URL`, `NOTIFY_SECRET`, `NOTIFY_EVENTS`, `HOST`, `LOG_LEVEL`,"
    yield "`DYNAMODB_PAYMENTS_TABLE` and OpenTelemetry's variables."
    yield "Change a port if another program uses it."
    yield ""
    yield from table_of(("variable", "default", "meaning"), _demo_settings())


def _demo_settings() -> Iterator[Sequence[str]]:
    for field in DemoSettings.model_fields.values():
        name = str(field.validation_alias)
        if name.startswith("DEMO_"):
            yield f"`{name}`", _default(field.default), field.description or ""


REQUIRED_UNLESS_FILE = {
    *("STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY", "PAYMENTS_API_TOKEN", "NOTIFY_SECRET", "MCP_TOKEN"),
}
"""Secrets that can be in a file instead."""


def _settings() -> Iterator[Sequence[str]]:
    readers: dict[str, list[str]] = {}
    defaults: dict[str, list[str]] = {}
    meanings: dict[str, str] = {}
    for service, kind in SERVICES.items():
        for field in kind.model_fields.values():
            name = str(field.validation_alias)
            required = field.is_required() or name in REQUIRED_UNLESS_FILE
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
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return "" if value in (None, "") else f"`{value}`"


def metrics_page() -> Iterator[str]:
    """Every metric that a service exposes."""
    yield "# Metrics"
    yield ""
    yield "Every service exposes `/metrics` on port 9464 in the Prometheus and OpenMetrics formats: only what it can"
    yield "count, in at most 700 series (`webhook`) or 200 (the others), and metrics of its process. Every series"
    yield "starts at 0. Labels come from fixed lists, so a sender cannot create new series."
    yield ""
    yield from table_of(("metric", "type", "labels", "services", "meaning"), _metrics())


def _metrics() -> Iterator[Sequence[str]]:
    modules = (metrics, checkout, connections, notifier, tool_calls)
    for metric in (value for module in modules for value in vars(module).values()):
        if isinstance(metric, Counter | Gauge | Histogram):
            name = metric._name + ("_total" if isinstance(metric, Counter) else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"`{name}`", type(metric).__name__.lower(), labels, _exposing(metric), metric._documentation


def _exposing(metric: Counter | Gauge | Histogram) -> str:
    services = [service for service, exposed in series.SERVICES.items() if metric in [one.metric for one in exposed]]
    return "all" if len(services) == len(series.SERVICES) else ", ".join(services)


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
    yield "## Reasons of events that are not applied"
    yield ""
    yield "The log line `webhook_answered` has the reason, and the metric `payments_webhook_ignored_total` counts it."
    yield ""
    yield from table_of(("reason", "when"), ((f"`{reason}`", IGNORED[reason]) for reason in metrics.IGNORED_REASONS))
    yield ""
    yield "[Events](events.md) lists the event types to subscribe to."


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
    errors = ((f"`{code}`", error.status, error.when, _retry_after(error)) for code, error in ERRORS.items())
    yield from table_of(("code", "HTTP status", "when", "`Retry-After`"), errors)
    yield ""
    yield "## Codes of the agent's tools"
    yield ""
    yield "The tools of `lea-payments mcp` return the codes above, and these:"
    yield ""
    yield from table_of(("code", "when"), ((f"`{code}`", when) for code, when in OWN_CODES.items()))


def _retry_after(error: ErrorCode) -> str:
    return "" if error.retry_after == NEVER else error.retry_after


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


def attacks_page() -> Iterator[str]:
    """The results of one run of the attacks."""
    results = json.loads(ATTACK_RESULTS.read_text())
    measured = {row["name"]: row for row in results["attacks"]}
    yield "# Attacks"
    yield ""
    yield f"One run of `make attack` on {results['machine']} ({results['date']}, {results['duration']})."
    yield "Each row is one attack on real processes. Beside it, 20 good, signed events per second arrive, each for a"
    yield "payment of its own and on a connection of its own. Every one of them was answered with 200."
    yield ""
    yield from table_of(("attack", "what happens", "limit", "result"), _attacks(measured))
    yield ""
    yield "## Measurements"
    yield ""
    numbers = ((name, *(row[column] for column in COLUMNS)) for name, row in measured.items())
    yield from table_of(("attack", *COLUMNS), numbers)
    yield ""
    yield from (f"- **{column}**: {meaning}" for column, meaning in COLUMNS.items())


def _attacks(measured: Mapping[str, Mapping[str, str]]) -> Iterator[Sequence[str]]:
    for attack in ATTACKS:
        result = measured[attack.name]["observation"] if attack.name in measured else "not part of this run"
        yield attack.name, attack.description, attack.limit, result


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "webhook-answers.md": webhook_answers_page,
    "signature-reasons.md": signature_reasons_page,
    "api-errors.md": api_errors_page,
    "states.md": model.states_page,
    "events.md": model.events_page,
    "chaos-results.md": chaos_results_page,
    "attacks.md": attacks_page,
    "performance.md": performance_page,
}


def text_of(name: str) -> str:
    """The page generated from the current code."""
    return "<!-- Generated by `make docs`. Do not edit. -->\n\n" + "\n".join(PAGES[name]()) + "\n"


def with_sections(document: str) -> str:
    """The document with generated sections that match the code."""
    text = (ROOT / document).read_text()
    for name, lines in SECTIONS[document].items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not end:
            raise ValueError(f"{document} has no section {name}: add <!-- {name} --> and <!-- /{name} -->")
        text = f"{before}{start}{chr(10).join(lines())}\n{end}{after}"
    return text


if __name__ == "__main__":
    for page in PAGES:
        (FOLDER / page).write_text(text_of(page))
    for name in SECTIONS:
        (ROOT / name).write_text(with_sections(name))
