"""Checks what each service loads at its start, and how much memory the webhook needs."""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import plain_http, stripe_bodies
from tests.support.checkout_api import SECRETS
from tests.support.mcp_server import OF_AGENTS
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.services import OF_OPTIONAL_SERVICES, SERVICES
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

MEMORY_MB = 90
EVENTS, SENDERS = 400, 16

ROOMS = (*SERVICES, "mcp", "commands")
OF_EVERY_SERVICE = frozenset({"lea_payments.commands.console", "lea_payments.commands.console.run"})
"""They run the command line, and so every service."""

UNUSED: Mapping[str, Sequence[str]] = {
    "webhook": ("fastapi", "stripe", "jinja2", "babel", "httpcore2", "standardwebhooks", "boto3", "mcp"),
    "pages": ("fastapi", "stripe", "httpcore2", "standardwebhooks", "boto3", "mcp"),
    "checkout": ("jinja2", "babel", "httpcore2", "standardwebhooks", "boto3", "mcp"),
    "reconciler": ("fastapi", "jinja2", "babel", "httpcore2", "standardwebhooks", "boto3", "mcp"),
    "notifier": ("fastapi", "stripe", "jinja2", "babel", "boto3", "mcp"),
    "mcp": ("fastapi", "stripe", "jinja2", "babel", "standardwebhooks", "boto3"),
}
"""The packages that a service must not load: each costs milliseconds of its start, and megabytes."""

_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("service", UNUSED)
def test_a_service_loads_only_what_it_needs(start: Callable[..., Process], service: str) -> None:
    if service == "mcp" and find_spec("mcp") is None:
        pytest.skip("needs the official MCP SDK (requirements/mcp.txt)")
    variables = {**OF_OPTIONAL_SERVICES, **SECRETS, **OF_AGENTS, "STRIPE_WEBHOOK_SECRET": SECRET}
    process = start(service, ready_at="/livez", **variables, PYTHONPROFILEIMPORTTIME="1")
    modules = frozenset(_IMPORTED.findall(process.output()))

    assert f"lea_payments.{service}.app" in modules
    foreign = tuple(f"lea_payments.{room}." for room in ROOMS if room != service)
    assert [module for module in modules - OF_EVERY_SERVICE if module.startswith(foreign)] == []
    assert {module.partition(".")[0] for module in modules}.isdisjoint(UNUSED[service])


def _payments(records: Records) -> Sequence[str]:
    with ThreadPoolExecutor(SENDERS) as writers:
        return [*writers.map(lambda _: records.put(), range(EVENTS))]


def _resident_mb(process: Process, field: str) -> float:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux, which says how much memory is resident"
)
def test_the_webhook_needs_less_than_90_mb(
    start: Callable[..., Process], free_port: Callable[[], int], records: Records
) -> None:
    """With all traces and metrics, after a burst of events; it is not forked, so that its memory is its own."""
    with OtlpSink(free_port()) as sink:
        telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "METRICS_PORT": str(free_port())}
        webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, **telemetry, PYTHONNOUSERSITE="1")
        at_start = _resident_mb(webhook, "VmRSS")
        deliveries = [Delivery.of(stripe_bodies.completed(payment_id)) for payment_id in _payments(records)]
        with (
            plain_http.client(webhook.url) as client,
            ThreadPoolExecutor(SENDERS) as senders,
        ):
            statuses = {answer.status for answer in senders.map(lambda each: each.to(client), deliveries)}
        peak = _resident_mb(webhook, "VmHWM")
        webhook.stop()
    print(f"resident memory: {at_start:.1f} MB when ready, {peak:.1f} MB at its peak with {EVENTS} events")

    assert statuses == {200}
    assert peak < MEMORY_MB
