"""Lists the demo's processes: the command of each, and an environment with only what it needs."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_demo.settings import DemoSettings

EMULATOR_KEY = "sk_test_demo"
EMULATOR_SECRET = "whsec_demo"  # noqa: S105 - between the emulator and the webhook of one machine
NOT_INHERITED = ("AWS_", "DEMO_", "DDB_", "DYNAMODB_", "EMULATOR_", "STRIPE_", "PAYMENTS_", "PYTHONDONTWRITEBYTECODE")
"""Prefixes of variables that could lead a service to another table, account or Stripe, or slow down its start."""


class Service(NamedTuple):
    """A process of the demo. `ready_url` answers 200 when it can work."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready_url: str


def services_of(settings: DemoSettings) -> Sequence[Service]:
    """Every process, in the order of their start."""
    webhook = {"STRIPE_WEBHOOK_SECRET": ",".join(settings.webhook_secrets) or EMULATOR_SECRET}
    checkout = {
        "STRIPE_SECRET_KEY": settings.stripe_secret_key or EMULATOR_KEY,
        "STRIPE_API_BASE": settings.stripe_api_base if settings.real_stripe else settings.url("emulator"),
        "PAYMENTS_API_TOKEN": ",".join(settings.api_tokens),
        "PAGES_BASE_URL": settings.url("pages"),
    }
    services = [
        _service(settings, "pages", {}),
        _service(settings, "webhook", webhook),
        _service(settings, "checkout", checkout),
    ]
    return services if settings.real_stripe else [*services, _emulator(settings)]


def environment(settings: DemoSettings) -> dict[str, str]:
    """The variables that every process gets: those of this shell, and the demo's own table."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
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


def _service(settings: DemoSettings, name: str, own: Mapping[str, str]) -> Service:
    ports = {"PORT": str(settings.port(name)), "METRICS_PORT": str(settings.port(f"{name}_metrics"))}
    env = {**environment(settings), **ports, **own}
    return Service(name, [sys.executable, "-m", "lea_payments", name], env, f"{settings.url(name)}/readyz")


def _emulator(settings: DemoSettings) -> Service:
    env = environment(settings) | {
        "PORT": str(settings.emulator_port),
        "EMULATOR_PUBLIC_URL": settings.url("emulator"),
        "EMULATOR_WEBHOOK_URL": f"{settings.url('webhook')}/webhook/stripe",
        "EMULATOR_WEBHOOK_SECRET": EMULATOR_SECRET,
    }
    return Service("stripe", [sys.executable, "-m", "stripe_emulator"], env, f"{settings.url('emulator')}/health")
