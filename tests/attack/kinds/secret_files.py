"""Attacks on secrets: files and settings that contain something else."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import httpx

from tests.attack.context import AttackContext
from tests.attack.markers import SECRET
from tests.support.json_lines import json_lines
from tests.support.stripe_bodies import completed
from tests.support.webhook_delivery import Delivery

GARBAGE: Mapping[str, bytes] = {
    "a comment": b"# the signing secret of the endpoint",
    "HTML": f"<html><body>{SECRET}</body></html>".encode(),
    "a placeholder beside the secret": f"{SECRET}\nchangeme".encode(),
    "UTF-16": SECRET.encode("utf-16"),
    "half of the secret": SECRET[: len(SECRET) // 2].encode(),
    "nothing": b"",
    "a byte order mark and null": b"\xef\xbb\xbfnull",
    "JSON": f'{{"secret": "{SECRET}"}}'.encode(),
    "quotes": f'"{SECRET}"'.encode(),
    "a variable": f"STRIPE_WEBHOOK_SECRET={SECRET}".encode(),
    "a template": b"<no value>",
    "one letter": b"x",
    "other bytes": bytes(range(128, 256)),
}
"""The content of the file, by its name. The first ones are in the short run too."""

SHORT_KINDS = 5
READ_SECONDS = 2.5
"""The webhook reads the file every second, and trusts it when two reads agree."""

START_SECONDS = 30
"""A service that has not refused its settings after this time has started."""

PLACEHOLDERS = ("null", "<no value>", "changeme", "x", "whsec_", "# secret", f"{SECRET},your-secret-here")


def replaced_files(context: AttackContext) -> str:
    """Replaces the file of signing secrets by something else, and signs with what is in it."""
    file = context.folder / "signing-secrets"
    file.write_text(SECRET)
    kinds = [*GARBAGE][: SHORT_KINDS if context.is_short else None]
    with context.own_webhook(STRIPE_WEBHOOK_SECRET_FILE=str(file)) as webhook:
        for kind in kinds:
            replacement = file.with_suffix(".new")
            replacement.write_bytes(GARBAGE[kind])
            replacement.replace(file)
            time.sleep(READ_SECONDS)
            accepted = _accepted(webhook.url, GARBAGE[kind])
            context.require(not accepted, f"{kind}: a delivery that is signed with the content was accepted")
            invalid = webhook.value("payments_secret_file_invalid", file="signing_secrets")
            context.require(invalid == 1, f"{kind}: no metric says that the file is invalid")
        lines = [line for line in json_lines(webhook.log_from(0)) if line["event"] == "signing_secrets_kept"]
    context.require(lines and {line["level"] for line in lines} == {"error"}, "the log has no error about the file")
    return f"{len(kinds)} of {len(GARBAGE)} kinds of content, none accepted"


def placeholders_at_the_start(context: AttackContext) -> str:
    """Starts the webhook with a placeholder in place of the secret; it has to refuse with a sentence."""
    for placeholder, process in [(one, _start(context, one)) for one in PLACEHOLDERS]:
        try:
            text = process.communicate(timeout=START_SECONDS)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            text = process.communicate()[0]
        context.output("the refusals", text)
        refused = process.returncode > 0 and "STRIPE_WEBHOOK_SECRET" in text
        context.require(refused, f"the secret {placeholder!r} was not refused with a sentence: {text[:300]}")
    return f"{len(PLACEHOLDERS)} placeholders, each refused"


def _start(context: AttackContext, secret: str) -> "subprocess.Popen[str]":
    ports = {"HOST": "127.0.0.1", "PORT": str(context.free_port()), "METRICS_PORT": "0"}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    table = {"DDB_ENDPOINT": context.table.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": context.table.table}
    return subprocess.Popen(
        [sys.executable, "-m", "lea_payments", "webhook"],
        cwd=context.folder,
        env=inherited | table | ports | {"STRIPE_WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _accepted(url: str, content: bytes) -> Sequence[str]:
    """The lines of the content with which a delivery can be signed."""
    text = content.decode(errors="replace").replace(SECRET, "")
    lines = [line.strip() for line in [*text.replace(",", "\n").splitlines(), ""]]
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        return [line for line in lines if Delivery.of(completed("payment_x"), line).to(client).status == 200]
