"""Attacks on the person at the terminal: escape sequences in records, and personal data in damaged answers."""

import json
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from tests.attack.context import AttackContext
from tests.attack.kinds.false_stripe import FalseStripe
from tests.attack.markers import PERSON, TOKEN
from tests.support.checkout_api import checkout_client, payment_body
from tests.support.command_line import command_runner
from tests.support.stripe_bodies import completed, session

ESCAPES = "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\x7f\x08\u2028\u200b\r"
"""Clipboard, screen, colour, direction, and letters that nobody sees."""

ESCAPED = r"\\{1,2}(x|u00)1b\]52;c;cm0gLXJm"
"""Matches their start as text and in JSON."""

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SAFE = "\n\t\u200c\u200d"
"""The joiners are part of words in several languages."""

TRUNCATED = json.dumps({"object": "list", "data": [{"id": "cs_test_x", "customer_details": PERSON}]})[:-9]


def escape_sequences(context: AttackContext) -> str:
    """Puts escape sequences into a record, an event and a session at Stripe; `show` and `replay` print them."""
    payment_id = context.records.put(
        user_id=f"user{ESCAPES}", quote_id=f"quote{ESCAPES}", product_name=f"product{ESCAPES}"
    )
    events = context.folder / "events.json"
    event = json.loads(completed(payment_id, id=f"cs_test_{ESCAPES}", currency=f"sgd{ESCAPES}"))
    events.write_text(json.dumps(event | {"id": f"evt_{ESCAPES}"}))
    show, replay = ("show", payment_id), ("replay", str(events))
    commands = {  # each prints the word and, after it, the escape sequences
        show: "product",
        (*show, "--json"): "product",
        ("show", f"quote{ESCAPES}"): "product",
        (*show, "--stripe"): "cs_at_stripe",
        (*show, "--stripe", "--json"): "cs_at_stripe",
        (*replay, "--dry-run"): "evt_",
        replay: "evt_",
    }
    at_stripe = session(payment_id, id=f"cs_at_stripe{ESCAPES}", status=f"open{ESCAPES}", payment_intent=None)
    with FalseStripe(context.free_port(), json.dumps(at_stripe | {"data": [], "has_more": False})) as stripe:
        run = command_runner(context.folder, context.table, **stripe.settings)
        for command, word in commands.items():
            result = run(*command)
            text = result.stdout + result.stderr
            unsafe = {character for character in text if character not in SAFE and _is_unsafe(character)}
            context.output(f"lea-payments {command[0]}", text)
            context.require(
                re.search(word + ESCAPED, text), f"lea-payments {command} did not print {word} and the rest"
            )
            context.require(not unsafe, f"lea-payments {command[0]} printed {sorted(map(ascii, unsafe))}")
    context.require(stripe.requests, "no call was made to Stripe")
    return f"{len(commands)} calls of show, show --stripe and replay, nothing raw"


def truncated_answers(context: AttackContext) -> str:
    """Answers every call to Stripe with half a page of personal data."""
    with FalseStripe(context.free_port(), TRUNCATED) as stripe:
        run = command_runner(context.folder, context.table, **stripe.settings)
        payment_id = context.records.put()
        commands = ("reconciler --once", f"show {payment_id} --stripe", "replay --since 1h", "check")
        with ThreadPoolExecutor(len(commands)) as pool:
            for command, result in zip(commands, pool.map(lambda line: run(*line.split()), commands), strict=True):
                context.output(f"lea-payments {command}", result.stdout + result.stderr)
                context.require(result.returncode == 1, f"lea-payments {command} returned {result.returncode}")
        with context.own_service("checkout", STRIPE_API_BASE=stripe.url) as checkout:
            with checkout_client(checkout.url, TOKEN) as client:
                answer = client.post("/payments", json=payment_body())
            context.output("the answer of checkout", answer.text)
            context.require(answer.status_code == 502, f"checkout answered {answer.status_code}")
    context.require(stripe.requests > len(commands), "no call was made")
    return f"{len(commands)} commands returned 1 and checkout 502; {stripe.requests} damaged answers"


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in UNSAFE
