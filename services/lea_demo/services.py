"""Lists the demo's processes: the Python module of each, and an environment with only what it needs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_demo.settings import DemoSettings

EMULATOR_KEY = "sk_test_demo"
EMULATOR_SECRET = "whsec_demo"
NOT_INHERITED = ("AWS_", "DEMO_", "DDB_", "DYNAMODB_", "EMULATOR_", "STRIPE_", "PAYMENTS_", "PYTHONDONTWRITEBYTECODE")
"""Prefixes of variables that could lead a service to another table, account or Stripe, or slow down its start."""


class Service(NamedTuple):
    """A process of the demo: a Python module with arguments. `ready_url` answers 200 when it can work."""

    name: str
    module: Sequence[str]
    env: Mapping[str, str]
    ready_url: str


def services_of(settings: DemoSettings, shell: Mapping[str, str]) -> Sequence[Service]:
    """Every process, in the order of their start. `shell` has the variables of this shell."""
    base, url = environment(settings, shell), settings.url
    webhook = {"STRIPE_WEBHOOK_SECRET": ",".join(settings.webhook_secrets) or EMULATOR_SECRET}
    checkout = {
        "STRIPE_SECRET_KEY": settings.stripe_secret_key or EMULATOR_KEY,
        "STRIPE_API_BASE": settings.stripe_api_base if settings.real_stripe else url("emulator"),
        "PAYMENTS_API_TOKEN": ",".join(settings.api_tokens),
        "PAGES_BASE_URL": url("pages"),
    }
    emulator = {
        "PORT": str(settings.emulator_port),
        "EMULATOR_PUBLIC_URL": url("emulator"),
        "EMULATOR_WEBHOOK_URL": f"{url('webhook')}/webhook/stripe",
        "EMULATOR_WEBHOOK_SECRET": EMULATOR_SECRET,
    }
    services = []
    for name, own in {"pages": {}, "webhook": webhook, "checkout": checkout}.items():
        ports = {"PORT": str(settings.port(name)), "METRICS_PORT": str(settings.port(f"{name}_metrics"))}
        services.append(Service(name, ["lea_payments", name], {**base, **ports, **own}, f"{url(name)}/readyz"))
    if not settings.real_stripe:
        services.append(Service("stripe", ["stripe_emulator"], {**base, **emulator}, f"{url('emulator')}/health"))
    return services


def environment(settings: DemoSettings, shell: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that every process gets: those of this shell, and the demo's own table."""
    inherited = {name: value for name, value in shell.items() if not name.startswith(NOT_INHERITED)}
    no_proxy = ",".join(filter(None, [shell.get("NO_PROXY") or shell.get("no_proxy"), "localhost,127.0.0.1"]))
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
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
