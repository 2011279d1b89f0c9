"""What the demo says at its start and end: the links, what to try, how real Stripe reaches us; does nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.text import Text

from lea_demo.settings import MADE_UP_TOKEN, DemoSettings
from lea_payments.stripe.events import TRANSLATORS

ORDER: dict[str, Any] = {
    "user_id": "user_42",
    "quote_id": "quote_7",
    "amount": 12000,
    "currency": "sgd",
    "product_name": "Travel insurance, Japan, 10 days",
}
LABEL_WIDTH = 12

PAY_AT_EMULATOR = "Any later date and any CVC: 4242 4242 4242 4242 pays, 4000 0000 0000 9995 is declined."
PAY_AT_STRIPE = "A page of Stripe's own, in your sandbox: 4242 4242 4242 4242 pays, with any later date and any CVC."


class Example(NamedTuple):
    """The payment that the demo makes to begin with."""

    payment: str
    session: str
    link: str


def title(settings: DemoSettings) -> Text:
    """The first line."""
    stripe = "your Stripe sandbox" if settings.real_stripe else "a Stripe emulator: no account, no money"
    return Text.assemble(("LEA Payments", "bold"), f" on this machine, with {stripe}")


def links(settings: DemoSettings, example: Example) -> Text:
    """Where everything is and what to try; each command on one line, ready to be copied."""
    shown = Text("\n").join(
        [
            _row("Pay", example.link, PAY_AT_STRIPE if settings.real_stripe else PAY_AT_EMULATOR),
            _row("Pages", f"{settings.url('pages')}/success?session_id={example.session}", "Where paying leads to."),
            _row("API", f"{settings.url('checkout')}/openapi.json", f"Bearer token: {_token(settings)}"),
            _row("Webhook", f"{settings.url('webhook')}/webhook/stripe"),
            _row("Metrics", _each(settings, "_metrics", "/metrics")),
            _row("Health", _each(settings, "", "/health")),
            Text(),
            *_to_try(settings, example.payment),
            Text(),
            Text("Ctrl-C stops everything. What happens from here on:", style="bold"),
        ]
    )
    return shown.append("\n")


def goodbye(data: Path) -> Text:
    """The last line."""
    return Text(f"Everything has stopped. The payments stay in {data} for the next time.", style="dim")


def forwarding(settings: DemoSettings) -> str:
    """The command that brings the sandbox's events here."""
    here = f"localhost:{settings.port('webhook')}/webhook/stripe"
    return f"stripe listen --forward-to {here} --events {','.join(TRANSLATORS)}"


def _to_try(settings: DemoSettings, payment: str) -> Iterator[Text]:
    if settings.real_stripe:
        yield _command("Bring Stripe's events here, in another terminal", forwarding(settings))
    yield _command("Make another payment", _curl(settings))
    card = "" if settings.real_stripe else " --card 4242424242424242"
    yield _command("Follow one from its link to its end", f".venv/bin/lea-demo flow{card}")
    endpoint = f"DDB_ENDPOINT=http://localhost:{settings.dynamodb_port}"
    yield _command("See what happened to the first one", f"{endpoint} .venv/bin/lea-payments show {payment}")


def _curl(settings: DemoSettings) -> str:
    headers = f"-H 'Authorization: Bearer {_token(settings)}' -H 'Content-Type: application/json'"
    return f"curl {settings.url('checkout')}/payments {headers} -d '{json.dumps(ORDER)}'"


def _token(settings: DemoSettings) -> str:
    """The made-up token; one that somebody set may open more than a demo and is not shown."""
    return MADE_UP_TOKEN if settings.api_tokens == (MADE_UP_TOKEN,) else "$PAYMENTS_API_TOKEN"


def _each(settings: DemoSettings, suffix: str, path: str) -> str:
    return "  ".join(f"{settings.url(part + suffix)}{path}" for part in ("checkout", "pages", "webhook"))


def _row(label: str, value: str, note: str = "") -> Text:
    row = Text.assemble((f"{label:<{LABEL_WIDTH}}", "bold"), (value, "cyan"))
    return row.append(f"\n{'':{LABEL_WIDTH}}{note}", style="dim") if note else row


def _command(purpose: str, command: str) -> Text:
    return Text.assemble((f"{purpose}:\n", "bold"), f"  {command}")
