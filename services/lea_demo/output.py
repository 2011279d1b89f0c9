"""Formats what the demo prints: what to try, the link, then one line per event."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lea_demo.machine import PORTS
from lea_demo.settings import EMULATOR_KEY, DemoSettings
from lea_payments.secrets.rules import DEMO_TOKEN
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.text.visible import visible_text

START = """
In another terminal, here: follow a payment, or with --mcp sell as an agent:
  .venv/bin/lea-demo flow{flow} --card 4242424242424242
Connect a desktop client to the agent's tools:
  .venv/bin/lea-demo desktop
Create a payment, as described at {checkout}/openapi.json:
  curl {checkout}/payments -H "Authorization: Bearer {token}" -H 'Content-Type: application/json' -d '{{"user_id": \
"user_42", "quote_id": "quote_7", "amount": 12000, "currency": "sgd", "product_name": "Insurance"}}'
Show what happened to the payment below, and compare it with Stripe:
  {variables} .venv/bin/lea-payments show {payment_id} --stripe
Repair payments from Stripe's objects now, and apply Stripe's events again:
  {variables} .venv/bin/lea-payments reconciler --once
  {variables} .venv/bin/lea-payments replay --since 1h
{forward}{cards}Pay  {link}"""
"""It fits on a screen of 80 columns and 24 rows, and the link is the last line."""

FORWARD = """Forward Stripe's events to this machine:
  stripe listen --forward-to localhost:{port}/webhook/stripe --events {events}
"""
CARDS = "4242 4242 4242 4242 pays, 4000 0000 0000 9995 is declined; any CVC, later date.\n"
SHOWN_FIELDS = ("event", "event_type", "outcome", "page", "status", "code", "problem", "reason", "remedy", "exception")
SHOWN_WARNINGS = ("service_started", "reconciler_run_finished")
"""Events that are shown only if something is wrong."""


def start_text(settings: DemoSettings, payment_id: str, link: str) -> Sequence[str]:
    """The lines about what to try with the demo. Each command is on one line, ready to be copied."""
    sandbox = bool(settings.stripe_secret_key)
    text = START.format(
        link=link,
        cards="" if sandbox else CARDS,
        checkout=settings.url("checkout"),
        flow=_flow_options(settings),
        payment_id=payment_id,
        token=_shown_token(settings.api_tokens),
        variables=" ".join(f"{name}={value}" for name, value in _variables(settings).items()),
        forward=FORWARD.format(port=settings.webhook_port, events=",".join(EVENT_TYPES)) if sandbox else "",
    )
    return text.split("\n")


def _shown_token(tokens: Sequence[str]) -> str:
    """The token for a command. One that somebody set can be valid elsewhere too, so it is not printed."""
    if tokens == (DEMO_TOKEN,):
        return DEMO_TOKEN
    return "$PAYMENTS_API_TOKEN" if len(tokens) == 1 else "${PAYMENTS_API_TOKEN%%,*}"


def _flow_options(settings: DemoSettings) -> str:
    """The addresses of the services, unless they are the ones that the command knows."""
    changed = (name for name in ("checkout", "pages") if settings.port(name) != PORTS[name])
    return "".join(f" --{name} {settings.url(name)}" for name in changed)


def _variables(settings: DemoSettings) -> Mapping[str, str]:
    """What a command of lea-payments needs for the demo. A sandbox's key is a secret: it stays in `.env`."""
    variables = {"DDB_ENDPOINT": settings.url("dynamodb")}
    if settings.table != DemoSettings.model_fields["table"].default:
        variables["DYNAMODB_PAYMENTS_TABLE"] = settings.table
    if settings.stripe_secret_key:
        return variables
    return variables | {"STRIPE_API_BASE": settings.url("emulator"), "STRIPE_SECRET_KEY": EMULATOR_KEY}


def event_line(service: str, written: str, example: str = "") -> str | None:
    """The line to show for a line of a service's log, or None if it reports nothing that a person needs.

    `example` is the payment whose link the demo itself prints.
    """
    start = f"{time.strftime('%H:%M:%S')}  {service:<10}  "
    try:
        fields = msgspec.json.decode(written, type=dict[str, Any])
    except msgspec.DecodeError:
        return f"{start}{written}" if written and not written.startswith(("INFO", "DEBUG")) else None
    is_report = fields.get("level") in ("info", "debug")
    if is_report and ("logger" in fields or fields.get("event") in SHOWN_WARNINGS):
        return None
    if fields.get("outcome") == "ignored":
        return None
    if fields.get("event") == "checkout_session_opened" and fields.get("payment_id") == example:
        return None
    values = " ".join(_shown(name, fields[name]) for name in SHOWN_FIELDS if fields.get(name))
    return f"{start}{visible_text(str(fields.get('payment_id', ''))):<22}  {values}"


def _shown(name: str, value: object) -> str:
    """One field; a traceback keeps its lines."""
    return str(value).replace("\n", "\n  ") if name == "exception" else visible_text(str(value))
