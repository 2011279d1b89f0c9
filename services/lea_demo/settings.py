"""The demo's environment: its ports, its made-up token, and a Stripe sandbox if there is one; starts nothing."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

from pydantic import Field

from lea_payments.settings import SecretList, SettingsError, TableSettings

MADE_UP_TOKEN = "demo-token"  # noqa: S105 - it opens nothing but a demo
COMMAND = "make demo"


def _port(default: int, variable: str, who: str) -> Any:
    return Field(default, validation_alias=f"DEMO_{variable}_PORT", ge=1, le=65535, description=who)


class PortOf(NamedTuple):
    """A port that the demo needs: for whom, and the variable that changes it."""

    number: int
    who: str
    variable: str


class DemoSettings(TableSettings):
    """What the demo and its payment flow read. The description of a port says who listens there."""

    host: str = Field("127.0.0.1", validation_alias="HOST", description="address the parts listen on")
    api_tokens: SecretList = Field(
        (MADE_UP_TOKEN,),
        validation_alias="PAYMENTS_API_TOKEN",
        min_length=1,
        description="token of the checkout API; the demo makes one up",
    )
    stripe_secret_key: str = Field(
        "",
        validation_alias="STRIPE_SECRET_KEY",
        description="key of a Stripe sandbox, to use it in place of the emulator",
    )
    webhook_secrets: SecretList = Field(
        (),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="signing secret that belongs to that sandbox; `stripe listen` prints it",
    )
    stripe_api_base: str = Field(
        "https://api.stripe.com",
        validation_alias="STRIPE_API_BASE",
        pattern=r"^https?://\S+$",
        description="where that sandbox's API is; not used with the emulator",
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
        """Whether a Stripe sandbox takes the emulator's place."""
        return bool(self.stripe_secret_key)

    def port(self, part: str) -> int:
        """The port of a part: of `checkout`, `pages_metrics` and so on."""
        number: int = getattr(self, f"{part}_port")
        return number

    def url(self, part: str) -> str:
        """Where a person on this machine finds a part."""
        return f"http://localhost:{self.port(part)}"

    def ports(self) -> Iterator[PortOf]:
        """Every port that this demo needs."""
        for name, variable, field in port_fields():
            if not (self.real_stripe and name == "emulator_port"):
                yield PortOf(getattr(self, name), field.description or "", variable)


def port_fields() -> Iterator[tuple[str, str, Any]]:
    """The ports among the settings: field, variable, description and default."""
    for name, field in DemoSettings.model_fields.items():
        if str(field.validation_alias).startswith("DEMO_"):
            yield name, str(field.validation_alias), field


def check_installed(*modules: str) -> None:
    """Raises SettingsError when these, which production does without, are not all installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"not installed: {', '.join(missing)}; remove .venv and run `{COMMAND}`, which makes it anew with them"
        )


def check_stripe(settings: DemoSettings) -> None:
    """Raises SettingsError for a live key, for what is no key, and for half of what a sandbox needs."""
    key, secrets = settings.stripe_secret_key, settings.webhook_secrets
    if key.startswith(("sk_live_", "rk_live_")):
        raise SettingsError(
            "STRIPE_SECRET_KEY is a live key, and the demo must not move real money: "
            "use the sk_test_… key of a sandbox, or remove it to use the Stripe emulator"
        )
    if key and not key.startswith(("sk_test_", "rk_test_")):
        raise SettingsError(
            "STRIPE_SECRET_KEY is not a key of a Stripe sandbox: those start with sk_test_ or rk_test_; "
            "remove it to use the Stripe emulator"
        )
    if bool(key) != bool(secrets):
        given, missing = "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET (`stripe listen --print-secret` shows it)"
        if secrets:
            given, missing = "STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY (sk_test_…, from Stripe's dashboard)"
        raise SettingsError(
            f"{given} is set alone: set {missing} as well to use your Stripe sandbox, "
            "or remove it to use the Stripe emulator"
        )


def check_ports(settings: DemoSettings, is_busy: Callable[[int], bool]) -> None:
    """Raises SettingsError with a line for each port that another program has or that was given out twice."""
    problems, taken = [], dict[int, str]()
    for number, who, variable in settings.ports():
        if number in taken:
            problems.append(f"port {number} is given to both {taken[number]} and {who}: set {variable} to another")
        elif is_busy(number):
            problems.append(
                f"port {number}, for {who}, is in use: stop the program there (`{finder(number)}` names it), "
                f"or take another port: {variable}={_spare(number)} {COMMAND}"
            )
        taken.setdefault(number, who)
    if problems:
        raise SettingsError("\n".join(problems))


def _spare(number: int) -> int:
    return number + 10_000 if number < 50_000 else number - 10_000  # noqa: PLR2004 - anything that is a port


def finder(number: int) -> str:
    """The command of this machine that names the program on a port."""
    return f"lsof -i :{number}" if shutil.which("lsof") else f"ss -ltnp sport = :{number}"
