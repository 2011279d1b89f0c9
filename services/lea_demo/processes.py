"""The processes of the demo: their commands, and an environment for each that holds only what it needs."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_demo.settings import DemoSettings

EMULATOR = "stripe"
MADE_UP_KEY = "sk_test_demo"
MADE_UP_SECRET = "whsec_demo"  # noqa: S105 - between the emulator and the webhook of one machine
NOT_HANDED_ON = ("AWS_", "DEMO_", "DDB_", "DYNAMODB_", "EMULATOR_", "STRIPE_", "PAYMENTS_")
"""Prefixes of variables that could lead a part to another table, account or Stripe than the demo's."""


class Part(NamedTuple):
    """One process; `alive` and `ready` are addresses that answer 200 when it serves, and when it can work."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    url: str
    alive: str
    ready: str


def parts_of(settings: DemoSettings) -> Sequence[Part]:
    """Every process in the order of starting: who is called comes before who calls."""
    signing = {"STRIPE_WEBHOOK_SECRET": ",".join(settings.webhook_secrets) or MADE_UP_SECRET}
    caller = {
        "STRIPE_SECRET_KEY": settings.stripe_secret_key or MADE_UP_KEY,
        "PAYMENTS_API_TOKEN": ",".join(settings.api_tokens),
        "PAGES_BASE_URL": settings.url("pages"),
    }
    caller["STRIPE_API_BASE"] = settings.stripe_api_base if settings.real_stripe else settings.url("emulator")
    ours = [_ours(settings, "pages"), _ours(settings, "webhook", signing), _ours(settings, "checkout", caller)]
    return ours if settings.real_stripe else [*ours, _emulator(settings)]


def environment(settings: DemoSettings) -> dict[str, str]:
    """What every process gets: this shell's variables, and the demo's own table in place of any other."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_HANDED_ON)}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles every package anew, in four processes
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "localhost,127.0.0.1"]))
    return inherited | {
        "AWS_REGION": settings.aws_region,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "DYNAMODB_PAYMENTS_TABLE": settings.table,
        "DDB_ENDPOINT": f"http://127.0.0.1:{settings.dynamodb_port}",
        "HOST": settings.host,
        "LOG_LEVEL": settings.log_level,
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.otlp_endpoint,
        "OTEL_TRACES_SAMPLER_ARG": str(settings.sampling_ratio),
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONUNBUFFERED": "1",
    }


def _ours(settings: DemoSettings, name: str, own: Mapping[str, str] | None = None) -> Part:
    url = settings.url(name)
    ports = {"PORT": str(settings.port(name)), "METRICS_PORT": str(settings.port(f"{name}_metrics"))}
    env = environment(settings) | ports | dict(own or {})
    return Part(name, [sys.executable, "-m", "lea_payments", name], env, url, f"{url}/livez", f"{url}/readyz")


def _emulator(settings: DemoSettings) -> Part:
    url = settings.url("emulator")
    env = environment(settings) | {
        "PORT": str(settings.emulator_port),
        "EMULATOR_PUBLIC_URL": url,
        "EMULATOR_WEBHOOK_URL": f"{settings.url('webhook')}/webhook/stripe",
        "EMULATOR_WEBHOOK_SECRET": MADE_UP_SECRET,
        "LOG_LEVEL": "debug",  # it tells of each call then, and the demo of those that mean something
    }
    return Part(EMULATOR, [sys.executable, "-m", "stripe_emulator"], env, url, f"{url}/health", f"{url}/health")
