"""Serves the page that lists open sessions, deliveries, test cards and controls."""

import time
from itertools import islice
from pathlib import Path

from fastapi import FastAPI, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stripe_emulator.controls.routes import CONTROLS
from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.overview import effects
from stripe_emulator.pay_page import page
from stripe_emulator.payments import checkout
from stripe_emulator.payments.authentication import PAGE
from stripe_emulator.reference import cards, money
from stripe_emulator.reference.numbers import grouped
from stripe_emulator.reference.shapes import API_VERSION, Json

MAX_ROWS = 50
TEMPLATES = Path(__file__).parent / "templates"
PAGES = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
OVERVIEW = PAGES.get_template("overview.html.j2")
STYLE = (TEMPLATES / "overview.css").read_bytes()
CARDS = [
    {
        "number": grouped(card.number),
        "name": effects.NAMES.get(card.number),
        "effect": effects.effect(card),
        "is_plain": effects.is_plain(card),
        "kind": f"{card.brand} {card.funding}",
        "country": card.country,
    }
    for card in cards.BY_NUMBER.values()
]


def add_routes(app: FastAPI) -> None:
    """Add the page and its stylesheet."""
    app.add_api_route("/", show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/overview.css", stylesheet, methods=["GET"], include_in_schema=False)


async def show(emulator: Current) -> Response:
    """Show the state of the emulator."""
    store, deliverer = emulator.account.store, emulator.deliverer
    is_open = (session for session in store.newest_first("checkout.session") if session["status"] == "open")
    html = OVERVIEW.render(
        sessions=[_session(emulator, session) for session in islice(is_open, MAX_ROWS)],
        endpoints=list(store.oldest_first("webhook_endpoint")),
        attempts=[_attempt(row) for row in islice(reversed(deliverer.attempt_log), MAX_ROWS)],
        states=deliverer.states,
        faults=emulator.requested_faults,
        cards=CARDS,
        controls=CONTROLS,
        now=_moment(emulator.account.now()),
        ahead=emulator.account.clock.ahead,
        version=API_VERSION,
        max_rows=MAX_ROWS,
    )
    return page.html(html, 200, None)


async def stylesheet() -> Response:
    """Return the stylesheet."""
    return Response(STYLE, media_type="text/css")


def _session(emulator: Emulator, session: Json) -> Json:
    intent = checkout.intent_of(emulator.account, session)
    amount = money.formatted(session["amount_total"], session["currency"]) if session["amount_total"] else "nothing"
    names = [item["description"] for item in emulator.account.store.orders[session["id"]].items]
    return {
        "id": session["id"],
        "reference": session["client_reference_id"],
        "amount": amount if session["mode"] != "setup" else "saves a card",
        "items": ", ".join(names),
        "expires": _moment(session["expires_at"]),
        "intent": intent["id"] if intent else None,
        "authentication": f"{PAGE}/{intent['id']}" if intent and intent["status"] == "requires_action" else None,
    }


def _attempt(row: Json) -> Json:
    result = f"HTTP {row['status']}" if row["status"] else row["error"]
    return row | {"time": _moment(row["at"]), "result": result, "milliseconds": round(row["milliseconds"])}


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
