"""Attacks on the person at the terminal: escape sequences in records, and personal data in damaged answers."""

import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.attack.context import AttackContext
from tests.attack.markers import API_KEY, PERSON, TOKEN
from tests.support.checkout_api import checkout_client, payment_body
from tests.support.command_line import command_runner
from tests.support.http_server import BackgroundServer
from tests.support.stripe_bodies import completed

ESCAPES = "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\x7f\x08\u2028\u200b\r"
"""Clipboard, screen, colour, direction, and letters that nobody sees."""

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SAFE = "\n\t\u200c\u200d"
"""The joiners are part of words in several languages."""

TRUNCATED = json.dumps({"object": "list", "data": [{"id": "cs_test_x", "customer_details": PERSON}]})[:-9]


def escape_sequences(context: AttackContext) -> str:
    """Puts escape sequences into every text of a record and of an event, and lets each command show them."""
    payment_id = context.records.put(
        user_id=f"user{ESCAPES}", quote_id=f"quote{ESCAPES}", product_name=f"product{ESCAPES}"
    )
    events = context.folder / "events.json"
    event = json.loads(completed(payment_id, id=f"cs_test_{ESCAPES}", currency=f"sgd{ESCAPES}"))
    events.write_text(json.dumps(event | {"id": f"evt_{ESCAPES}"}))
    run = command_runner(context.folder, context.table)
    commands = (
        *(("show", payment_id), ("show", payment_id, "--json"), ("show", "--quote", f"quote{ESCAPES}")),
        *(("replay", str(events), "--dry-run"), ("replay", str(events)), ("show", f"missing{ESCAPES}")),
    )
    for command in commands:
        result = run(*command)
        text = result.stdout + result.stderr
        unsafe = {character for character in text if character not in SAFE and _is_unsafe(character)}
        context.output(f"lea-payments {command[0]}", text)
        context.require(text, f"lea-payments {command[0]} printed nothing")
        context.require(not unsafe, f"lea-payments {command[0]} printed {sorted(map(ascii, unsafe))}")
    return f"{len(commands)} commands, nothing raw"


def truncated_answers(context: AttackContext) -> str:
    """Answers every call to Stripe with half a page of personal data."""
    with _TruncatedStripe(context.free_port()) as stripe:
        keys = {"STRIPE_SECRET_KEY": API_KEY, "STRIPE_API_BASE": stripe.url, "METRICS_PORT": "0"}
        run = command_runner(context.folder, context.table, **keys)
        payment_id = context.records.put()
        commands = ("reconciler --once", f"show {payment_id} --stripe", "replay --since 1h", "check")
        with ThreadPoolExecutor(len(commands)) as pool:
            for command, result in zip(commands, pool.map(lambda line: run(*line.split()), commands), strict=True):
                context.output(f"lea-payments {command}", result.stdout + result.stderr)
        with context.own_service("checkout", STRIPE_API_BASE=stripe.url) as checkout:
            with checkout_client(checkout.url, TOKEN) as client:
                answer = client.post("/payments", json=payment_body())
            context.output("the answer of checkout", answer.text)
            context.require(answer.status_code == 502, f"checkout answered {answer.status_code}")
    context.require(stripe.requests > len(commands), "no call was made")
    return f"{len(commands)} commands and checkout, {stripe.requests} damaged answers"


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in UNSAFE


class _TruncatedStripe(BackgroundServer):
    """Answers 200 with half a page. `requests` counts the answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests = 0
        server = _Server(("127.0.0.1", port), _Handler)
        server.stripe = self
        super().__init__(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stripe: _TruncatedStripe


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self.server.stripe.requests += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = TRUNCATED.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
