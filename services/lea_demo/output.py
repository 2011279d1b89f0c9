"""What the demo prints: where everything is and what to try, then one line per event."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from rich.text import Text

from lea_demo.client import EXAMPLE_ORDER, PaymentJson
from lea_demo.settings import DEMO_TOKEN, DemoSettings
from lea_payments.stripe.events import TRANSLATORS

LINKS = """
[b]Pay[/]      [cyan]{link}[/]
         [dim]4242 4242 4242 4242 pays, 4000 0000 0000 9995 is declined, each with any later date and any CVC.[/]
[b]Pages[/]    [cyan]{pages}/success?session_id={session_id}[/]
[b]API[/]      [cyan]{checkout}/openapi.json[/]  [dim]Bearer token: {token}[/]
[b]Webhook[/]  [cyan]{webhook}/webhook/stripe[/]
[b]Metrics[/]  [cyan]{checkout_metrics}/metrics  {pages_metrics}/metrics  {webhook_metrics}/metrics[/]
[b]Health[/]   [cyan]{checkout}/health  {pages}/health  {webhook}/health[/]
{forward}
[b]Create another payment:[/]
  curl {checkout}/payments -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{order}'
[b]Follow a payment from its link to its end:[/]
  .venv/bin/lea-demo flow{card}
[b]Show what happened to the first payment:[/]
  DDB_ENDPOINT={dynamodb} .venv/bin/lea-payments show {payment_id}

[b]Ctrl-C stops everything. Events from here on:[/]
"""
FORWARD = """
[b]Forward Stripe's events to this machine, in another terminal:[/]
  {command}"""
SERVICE_WIDTH, PAYMENT_WIDTH = 8, 22
LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}
HIDDEN_FIELDS = ("level", "timestamp", "trace_id", "event", "payment_id", "exception", "stack")


def title(settings: DemoSettings) -> Text:
    """The first line."""
    stripe = "your Stripe sandbox" if settings.real_stripe else "a Stripe emulator: no account, no money"
    return Text.assemble(("LEA Payments", "bold"), f" on this machine, with {stripe}")


def links(settings: DemoSettings, payment: PaymentJson, link: str) -> Text:
    """Where everything is and what to try. Each command is on one line, ready to be copied."""
    names = ("checkout", "pages", "webhook", "dynamodb", "checkout_metrics", "pages_metrics", "webhook_metrics")
    real = settings.real_stripe
    return Text.from_markup(
        LINKS.format_map(
            {name: settings.url(name) for name in names}
            | {
                "link": link,
                "session_id": payment["stripe_session_id"],
                "payment_id": payment["payment_intent_id"],
                "order": json.dumps(EXAMPLE_ORDER),
                # A token that somebody set can be valid elsewhere too.
                "token": DEMO_TOKEN if settings.api_tokens == (DEMO_TOKEN,) else "$PAYMENTS_API_TOKEN",
                "card": "" if real else " --card 4242424242424242",
                "forward": FORWARD.format(command=forward_command(settings)) if real else "",
            }
        )
    )


def forward_command(settings: DemoSettings) -> str:
    """The command that forwards the sandbox's events to the demo."""
    address = f"localhost:{settings.port('webhook')}/webhook/stripe"
    return f"stripe listen --forward-to {address} --events {','.join(TRANSLATORS)}"


class Line(NamedTuple):
    """One event. `details` are shown below it."""

    time: str
    service: str
    message: str
    payment_id: str = ""
    style: str = ""
    details: str = ""

    def text(self) -> Text:
        """The line for a terminal."""
        columns = f"{self.service:<{SERVICE_WIDTH}}  ", f"{self.payment_id:<{PAYMENT_WIDTH}}  "
        text = Text.assemble((f"{self.time}  ", "dim"), (columns[0], "cyan"), columns[1], (self.message, self.style))
        for detail in self.details.splitlines():
            text.append(f"\n{'':10}{detail}", style=self.style)
        return text


def read_line(service: str, written: str) -> Line | None:
    """The line to show, or None if it reports nothing that a person needs."""
    try:
        fields = msgspec.json.decode(written, type=dict[str, Any])
    except msgspec.DecodeError:
        return _read_plain(service, written)
    from_library = "logger" in fields and fields.get("level") in ("info", "debug")
    if from_library or fields.get("event") == "service_started" or fields.get("outcome") == "ignored":
        return None
    message, style = _describe(fields)
    return Line(
        _clock(fields.get("timestamp")),
        service,
        message,
        str(fields.get("payment_id", "")),
        LEVEL_STYLES.get(str(fields.get("level")), style),
        str(fields.get("exception", "")),
    )


def _read_plain(service: str, written: str) -> Line | None:
    level = written.partition(":")[0]
    if level in ("INFO", "DEBUG") or not written.strip():
        return None
    return Line(_clock(), service, written.rstrip(), style=LEVEL_STYLES.get(level.lower(), "yellow"))


def _describe(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The message of a log line, and its style."""
    reason = f" ({fields['reason']})" if fields.get("reason") else ""
    match fields.get("event"):
        case "webhook_answered":
            outcome = fields.get("outcome")
            reason = "" if outcome == "applied" else reason  # the line of the new status has it
            style = "dim" if outcome in ("duplicate", "stale") else ""
            return f"{fields.get('event_type')} → {outcome}{reason}", style
        case "payment_completed" | "payment_failed" | "payment_expired" as event:
            return event.replace("_", " ") + reason, "green" if event == "payment_completed" else "red"
        case "checkout_session_opened":
            return "pay link returned again" if fields.get("reused") else "pay link created", ""
        case "page_shown":
            return f"the customer sees the {fields.get('page')} page: {fields.get('status')}", ""
    others = (f"{name}={value}" for name, value in fields.items() if name not in HIDDEN_FIELDS and value is not None)
    return " ".join([str(fields.get("event", "")), *others]), ""


def _clock(timestamp: str | None = None) -> str:
    moment = datetime.fromisoformat(timestamp) if timestamp else datetime.now(UTC)
    return moment.astimezone().strftime("%H:%M:%S")
