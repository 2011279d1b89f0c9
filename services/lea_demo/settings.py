"""Reads the demo's settings, and derives the environment of each service from them."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from lea_payments.secrets.fields import SecretList, mode_of
from lea_payments.secrets.rules import DEMO_TOKEN, EMULATOR_SECRET
from lea_payments.settings import STRIPE, SettingsError, StripeUrl, TableSettings

NOT_INHERITED = ("AWS_", "DEMO_", "DDB_", "DYNAMODB_", "EMULATOR_", "STRIPE_", "PAYMENTS_", "PYTHONDONTWRITEBYTECODE")
"""Prefixes of variables that could lead a service to another table, account or Stripe, or slow down its start."""


def _port(default: int, name: str) -> Any:
    return Field(default, validation_alias=f"DEMO_{name}_PORT", ge=1, le=65535)


class DemoSettings(TableSettings):
    """The settings of the demo and of its flow check."""

    host: str = Field("127.0.0.1", validation_alias="HOST")
    api_tokens: SecretList = Field((DEMO_TOKEN,), validation_alias="PAYMENTS_API_TOKEN", min_length=1)
    stripe_secret_key: str = Field("", validation_alias="STRIPE_SECRET_KEY")
    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    stripe_api_base: StripeUrl = STRIPE
    checkout_port: int = _port(8084, "CHECKOUT")
    pages_port: int = _port(8085, "PAGES")
    webhook_port: int = _port(8086, "WEBHOOK")
    emulator_port: int = _port(8087, "EMULATOR")
    dynamodb_port: int = _port(8000, "DYNAMODB")
    webhook_metrics_port: int = _port(9464, "WEBHOOK_METRICS")
    pages_metrics_port: int = _port(9465, "PAGES_METRICS")
    checkout_metrics_port: int = _port(9466, "CHECKOUT_METRICS")

    def port(self, name: str) -> int:
        """The port of `checkout`, `pages_metrics` and so on."""
        return int(getattr(self, f"{name}_port"))

    def url(self, name: str) -> str:
        """The address of a service on this machine."""
        return f"http://localhost:{self.port(name)}"


def ports(settings: DemoSettings) -> Mapping[str, int]:
    """Every port by its variable."""
    variables = {name: str(field.validation_alias) for name, field in DemoSettings.model_fields.items()}
    return {variable: getattr(settings, name) for name, variable in variables.items() if variable.startswith("DEMO_")}


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


def check_ports(settings: DemoSettings, is_busy: Callable[[int], bool]) -> None:
    """Raises SettingsError with one line per port that is in use."""
    unused = "DEMO_EMULATOR_PORT" if settings.stripe_secret_key else ""
    busy = {variable: port for variable, port in ports(settings).items() if variable != unused and is_busy(port)}
    if busy:
        line = "port {1} is in use: stop the program that listens there, or set {0} to another port"
        raise SettingsError("\n".join(line.format(*item) for item in busy.items()))


def environments(settings: DemoSettings, shell: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """The variables of each service: those of this shell, the demo's own table, and its own."""
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
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.otlp_endpoint,
        "OTEL_TRACES_SAMPLER_ARG": str(settings.sampling_ratio),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
    services = {
        "pages": {},
        "webhook": {"STRIPE_WEBHOOK_SECRET": ",".join(settings.webhook_secrets) or EMULATOR_SECRET},
        "checkout": {
            "STRIPE_SECRET_KEY": settings.stripe_secret_key or "sk_test_demo",
            "STRIPE_API_BASE": settings.stripe_api_base if settings.stripe_secret_key else settings.url("emulator"),
            "PAYMENTS_API_TOKEN": ",".join(settings.api_tokens),
            "PAGES_BASE_URL": settings.url("pages"),
        },
    }
    for name, own in services.items():
        own["METRICS_PORT"] = str(settings.port(f"{name}_metrics"))
    if not settings.stripe_secret_key:
        webhook = f"{settings.url('webhook')}/webhook/stripe"
        services["emulator"] = {"EMULATOR_WEBHOOK_URL": webhook, "EMULATOR_WEBHOOK_SECRET": EMULATOR_SECRET}
    return {name: {**inherited, **shared, **own, "PORT": str(settings.port(name))} for name, own in services.items()}
