"""Formats what the demo prints: the link and what to try, then one line per event."""

import time
from typing import Any

import msgspec

from lea_demo.settings import DemoSettings
from lea_payments.secrets.rules import DEMO_TOKEN
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.visible import visible_text

LINKS = """
Pay  {link}
     4242 4242 4242 4242 pays, 4000 0000 0000 9995 is declined, each with any later date and any CVC.
API  {checkout}/openapi.json

Create another payment:
  curl {checkout}/payments -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{"user_id": \
"user_42", "quote_id": "quote_7", "amount": 12000, "currency": "sgd", "product_name": "Travel insurance"}}'
Follow a payment from its link to its end; with --card 4242424242424242 it is paid at the emulator:
  .venv/bin/lea-demo flow
Show what happened to the first payment:
  DDB_ENDPOINT={dynamodb} .venv/bin/lea-payments show {payment_id}
"""
FORWARD = """Forward Stripe's events to this machine, in another terminal:
  stripe listen --forward-to localhost:{port}/webhook/stripe --events {events}
"""
SHOWN_FIELDS = ("event", "event_type", "outcome", "page", "status", "code", "problem", "reason", "remedy", "exception")


def links(settings: DemoSettings, payment_id: str, link: str) -> str:
    """What to try with the demo. Each command is on one line, ready to be copied."""
    text = LINKS.format(
        link=link,
        checkout=settings.url("checkout"),
        dynamodb=settings.url("dynamodb"),
        payment_id=payment_id,
        # A token that somebody set can be valid elsewhere too.
        token=DEMO_TOKEN if settings.api_tokens == (DEMO_TOKEN,) else "$PAYMENTS_API_TOKEN",
    )
    if settings.stripe_secret_key:
        text += FORWARD.format(port=settings.webhook_port, events=",".join(EVENT_TYPES))
    return text


def event_line(service: str, written: str) -> str | None:
    """The line to show for a line of a service's log, or None if it reports nothing that a person needs."""
    start = f"{time.strftime('%H:%M:%S')}  {service:<8}  "
    try:
        fields = msgspec.json.decode(written, type=dict[str, Any])
    except msgspec.DecodeError:
        return f"{start}{written}" if written and not written.startswith(("INFO", "DEBUG")) else None
    from_library = "logger" in fields and fields.get("level") in ("info", "debug")
    if from_library or fields.get("event") == "service_started" or fields.get("outcome") == "ignored":
        return None
    values = " ".join(_shown(name, fields[name]) for name in SHOWN_FIELDS if fields.get(name))
    return f"{start}{visible_text(str(fields.get('payment_id', ''))):<22}  {values}"


def _shown(name: str, value: object) -> str:
    """One field; a traceback keeps its lines."""
    return str(value).replace("\n", "\n  ") if name == "exception" else visible_text(str(value))
