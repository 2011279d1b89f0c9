"""Reads the demo's settings, and derives the environment of each service from them."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from lea_demo.machine import PORTS, variable
from lea_demo.receiver import Endpoint
from lea_payments.secrets.fields import SecretList, mode_of
from lea_payments.secrets.rules import DEMO_TOKEN, EMULATOR_SECRET
from lea_payments.settings import STRIPE, SettingsError, StripeUrl, TableSettings

NOT_INHERITED = (
    *("AWS_", "DEMO_", "DDB_", "DYNAMODB_", "EMULATOR_", "STRIPE_", "PAYMENTS_", "NOTIFY_", "NOTIFICATIONS"),
    "PYTHONDONTWRITEBYTECODE",
)
"""Prefixes of variables that could lead a service to another table, account or Stripe, or slow down its start."""


EMULATOR_KEY = "sk_test_demo"
"""A key that the emulator accepts; it accepts every one."""

RECONCILER_SECONDS, SANDBOX_RECONCILER_SECONDS = 5, 60
"""The pause between two runs of the reconciler: a person watches the demo, and a sandbox is not ours alone."""


def _port(name: str, description: str) -> Any:
    return Field(PORTS[name], validation_alias=variable(name), ge=1, le=65535, description=description)


class DemoSettings(TableSettings):
    """The settings of the demo and of its flow check."""

    host: str = Field("127.0.0.1", validation_alias="HOST")
    api_tokens: SecretList = Field((DEMO_TOKEN,), validation_alias="PAYMENTS_API_TOKEN", min_length=1)
    stripe_secret_key: str = Field("", validation_alias="STRIPE_SECRET_KEY")
    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    stripe_api_base: StripeUrl = STRIPE
    notify_url: str = Field("", validation_alias="NOTIFY_URL")
    notify_secret: str = Field("", validation_alias="NOTIFY_SECRET")
    notify_events: str = Field("", validation_alias="NOTIFY_EVENTS")
    checkout_port: int = _port("checkout", "port of the checkout API")
    pages_port: int = _port("pages", "port of the success and cancel pages")
    webhook_port: int = _port("webhook", "port of the webhook")
    reconciler_port: int = _port("reconciler", "port of the reconciler's health routes")
    notifier_port: int = _port("notifier", "port of the notifier's health routes")
    emulator_port: int = _port("emulator", "port of the Stripe emulator, which a Stripe sandbox replaces")
    dynamodb_port: int = _port("dynamodb", "port of DynamoDB Local")
    webhook_metrics_port: int = _port("webhook_metrics", "port of the webhook's `/metrics`")
    pages_metrics_port: int = _port("pages_metrics", "port of the pages' `/metrics`")
    checkout_metrics_port: int = _port("checkout_metrics", "port of the checkout API's `/metrics`")
    reconciler_metrics_port: int = _port("reconciler_metrics", "port of the reconciler's `/metrics`")
    notifier_metrics_port: int = _port("notifier_metrics", "port of the notifier's `/metrics`")

    def port(self, name: str) -> int:
        """The port of `checkout`, `pages_metrics` and so on."""
        return int(getattr(self, f"{name}_port"))

    def url(self, name: str) -> str:
        """The address of a service on this machine."""
        return f"http://localhost:{self.port(name)}"


def ports(settings: DemoSettings) -> Mapping[str, int]:
    """The port of everything that the demo starts."""
    return {name: settings.port(name) for name in PORTS}


def check_stripe(settings: DemoSettings) -> None:
    """Raises SettingsError for a live key, an invalid key, and a key or a signing secret alone."""
    key, secrets = settings.stripe_secret_key, settings.webhook_secrets
    problem = ""
    if mode_of(key) == "live":
        problem = "STRIPE_SECRET_KEY is a live key, and the demo must not move real money: use a key of a sandbox"
    elif key and not mode_of(key):
        problem = "STRIPE_SECRET_KEY is not a key of a Stripe sandbox: use one that starts with sk_test_ or rk_test_"
    elif bool(key) != bool(secrets):
        problem = (
            "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET (`stripe listen --print-secret`) belong together: set both"
        )
    if problem:
        raise SettingsError(f"{problem}, or set neither to use the Stripe emulator")


def environments(
    settings: DemoSettings, shell: Mapping[str, str], receiver: Endpoint
) -> Mapping[str, Mapping[str, str]]:
    """The variables of each service: those of this shell, the demo's own table, and its own.

    `receiver` gets the notifications, unless `NOTIFY_URL` names another one.
    """
    inherited = {name: value for name, value in shell.items() if not name.startswith(NOT_INHERITED)}
    no_proxy = ",".join(filter(None, [shell.get("NO_PROXY") or shell.get("no_proxy"), "localhost,127.0.0.1"]))
    shared = {
        "AWS_REGION": settings.aws_region,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "DYNAMODB_PAYMENTS_TABLE": settings.table,
        "DDB_ENDPOINT": f"http://127.0.0.1:{settings.dynamodb_port}",
        "HOST": settings.host,
        "LOG_LEVEL": settings.log_level,
        "NOTIFICATIONS": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
    stripe = {
        "STRIPE_SECRET_KEY": settings.stripe_secret_key or EMULATOR_KEY,
        "STRIPE_API_BASE": settings.stripe_api_base if settings.stripe_secret_key else settings.url("emulator"),
    }
    pause = SANDBOX_RECONCILER_SECONDS if settings.stripe_secret_key else RECONCILER_SECONDS
    services = {
        "pages": {},
        "webhook": {"STRIPE_WEBHOOK_SECRET": ",".join(settings.webhook_secrets) or EMULATOR_SECRET},
        "checkout": {
            **stripe,
            "PAYMENTS_API_TOKEN": ",".join(settings.api_tokens),
            "PAGES_BASE_URL": settings.url("pages"),
        },
        "reconciler": {**stripe, "RECONCILER_INTERVAL_SECONDS": str(pause)},
        "notifier": {
            **_notifications(settings, receiver),
            "NOTIFY_ALLOW_HTTP": "true",
        },
    }
    for name, own in services.items():
        own["METRICS_PORT"] = str(settings.port(f"{name}_metrics"))
    if not settings.stripe_secret_key:
        webhook = f"{settings.url('webhook')}/webhook/stripe"
        services["emulator"] = {"EMULATOR_WEBHOOK_URL": webhook, "EMULATOR_WEBHOOK_SECRET": EMULATOR_SECRET}
    return {name: {**inherited, **shared, **own, "PORT": str(settings.port(name))} for name, own in services.items()}


def _notifications(settings: DemoSettings, receiver: Endpoint) -> Mapping[str, str]:
    """Where notifications are sent, with which signature, and of which types."""
    if not settings.notify_url:
        return {"NOTIFY_URL": receiver.url, "NOTIFY_SECRET": receiver.secret}
    return {
        "NOTIFY_URL": settings.notify_url,
        "NOTIFY_SECRET": settings.notify_secret,
        "NOTIFY_EVENTS": settings.notify_events,
    }
