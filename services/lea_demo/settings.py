"""Reads the demo's settings: its ports, its API token, and a Stripe sandbox if there is one."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import Field

from lea_payments.settings import SecretList, SettingsError, TableSettings, mode_of

DEMO_TOKEN = "demo-token"
COMMAND = "make demo"


def _port(default: int, variable: str, owner: str) -> Any:
    return Field(default, validation_alias=f"DEMO_{variable}_PORT", ge=1, le=65535, description=owner)


class DemoSettings(TableSettings):
    """The settings of the demo and its flow check. The description of a port is who listens there."""

    host: str = Field("127.0.0.1", validation_alias="HOST")
    api_tokens: SecretList = Field((DEMO_TOKEN,), validation_alias="PAYMENTS_API_TOKEN", min_length=1)
    stripe_secret_key: str = Field("", validation_alias="STRIPE_SECRET_KEY")
    webhook_secrets: SecretList = Field((), validation_alias="STRIPE_WEBHOOK_SECRET")
    stripe_api_base: str = Field(
        "https://api.stripe.com", validation_alias="STRIPE_API_BASE", pattern=r"^https?://\S+$"
    )
    checkout_port: int = _port(8084, "CHECKOUT", "the checkout API")
    pages_port: int = _port(8085, "PAGES", "the customer's pages")
    webhook_port: int = _port(8086, "WEBHOOK", "the webhook receiver")
    emulator_port: int = _port(8087, "EMULATOR", "the Stripe emulator")
    dynamodb_port: int = _port(8000, "DYNAMODB", "DynamoDB Local")
    webhook_metrics_port: int = _port(9464, "WEBHOOK_METRICS", "the webhook's metrics")
    pages_metrics_port: int = _port(9465, "PAGES_METRICS", "the pages' metrics")
    checkout_metrics_port: int = _port(9466, "CHECKOUT_METRICS", "the checkout API's metrics")

    @property
    def real_stripe(self) -> bool:
        """Whether a Stripe sandbox is used instead of the emulator."""
        return bool(self.stripe_secret_key)

    def port(self, name: str) -> int:
        """The port of `checkout`, `pages_metrics` and so on."""
        port: int = getattr(self, f"{name}_port")
        return port

    def url(self, name: str) -> str:
        """The address of a service on this machine."""
        return f"http://localhost:{self.port(name)}"


def port_fields() -> Iterator[tuple[str, str, Any]]:
    """Yields field name, variable and field of every port."""
    for name, field in DemoSettings.model_fields.items():
        if str(field.validation_alias).startswith("DEMO_"):
            yield name, str(field.validation_alias), field


def check_stripe(settings: DemoSettings) -> None:
    """Raises SettingsError for a live key, an invalid key, and a key or a signing secret alone."""
    key, secrets = settings.stripe_secret_key, settings.webhook_secrets
    problem = ""
    if mode_of(key) == "live":
        problem = "is a live key, and the demo must not move real money: use the sk_test_… key of a sandbox"
    elif key and not mode_of(key):
        problem = "is not the key of a Stripe sandbox: use one that starts with sk_test_ or rk_test_"
    elif key and not secrets:
        problem = "is set alone: set STRIPE_WEBHOOK_SECRET too (`stripe listen --print-secret` shows it)"
    elif secrets and not key:
        problem = "is set alone: set STRIPE_SECRET_KEY too (sk_test_…, from Stripe's dashboard)"
    if problem:
        variable = "STRIPE_SECRET_KEY" if key else "STRIPE_WEBHOOK_SECRET"
        raise SettingsError(f"{variable} {problem}, or remove it to use the Stripe emulator")


def check_ports(settings: DemoSettings, is_busy: Callable[[int], bool]) -> None:
    """Raises SettingsError with one line per port that is in use or set twice."""
    problems, owners = [], dict[int, str]()
    for name, variable, field in port_fields():
        port, owner = getattr(settings, name), str(field.description)
        if name == "emulator_port" and settings.real_stripe:
            continue
        if port in owners:
            problems.append(f"port {port} is set for both {owners[port]} and {owner}: change {variable}")
        elif is_busy(port):
            problems.append(
                f"port {port}, for {owner}, is in use: stop the program that listens there (`lsof -i :{port}` "
                f"shows it), or use another port: {variable}={port % 50_000 + 10_000} {COMMAND}"
            )
        owners.setdefault(port, owner)
    if problems:
        raise SettingsError("\n".join(problems))
