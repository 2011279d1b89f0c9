"""The emulator's environment, read once into a frozen object; never read anywhere else, never at import."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
MAX_PORT = 65535


class WrongSettingsError(Exception):
    """Raised once, with every wrong variable and what to do about it."""


@dataclass(frozen=True)
class Settings:
    """How this emulator runs."""

    host: str = "0.0.0.0"
    port: int = 8087
    public_url: str = "http://localhost:8087"
    webhook_url: str | None = None
    webhook_secrets: tuple[str, ...] = ("whsec_emulator",)
    retry_base_seconds: float = 1.0
    retry_attempts: int = 12
    delivery_timeout_seconds: float = 10.0
    redirect_wait_seconds: float = 10.0
    log_level: str = "info"


VARIABLES = {
    "HOST": "the address to listen on (0.0.0.0)",
    "PORT": "the port to listen on (8087)",
    "EMULATOR_PUBLIC_URL": "the address customers reach it at, for pay links (http://localhost:PORT)",
    "EMULATOR_WEBHOOK_URL": "where to deliver every event (nowhere)",
    "EMULATOR_WEBHOOK_SECRET": "what to sign deliveries to it with, comma-separated (whsec_emulator)",
    "EMULATOR_RETRY_BASE_SECONDS": "the pause before the first retry; doubles, up to a minute (1)",
    "EMULATOR_RETRY_ATTEMPTS": "attempts per delivery, the first included (12)",
    "EMULATOR_DELIVERY_TIMEOUT_SECONDS": "how long a receiver may take to answer (10)",
    "EMULATOR_REDIRECT_WAIT_SECONDS": "how long the pay page waits for the merchant's 2xx (10)",
    "LOG_LEVEL": "debug, info, warning or error (info)",
}


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of this environment, or one error that names everything wrong with it."""
    wrong: list[str] = []

    def take(name: str, default: T, convert: Callable[[str], T], wanted: str) -> T:
        text = environ.get(name, "").strip()
        if not text:
            return default
        try:
            return convert(text)
        except ValueError:
            wrong.append(f"{name}={text}: must be {wanted}")
            return default

    port = take("PORT", 8087, _port, f"a port number from 1 to {MAX_PORT}")
    settings = Settings(
        host=environ.get("HOST", "").strip() or "0.0.0.0",
        port=port,
        public_url=take("EMULATOR_PUBLIC_URL", f"http://localhost:{port}", _url, "an http or https address").rstrip(
            "/"
        ),
        webhook_url=take("EMULATOR_WEBHOOK_URL", None, _url, "an http or https address"),
        webhook_secrets=take("EMULATOR_WEBHOOK_SECRET", ("whsec_emulator",), _secrets, "comma-separated secrets"),
        retry_base_seconds=take("EMULATOR_RETRY_BASE_SECONDS", 1.0, _positive, "a number of seconds above 0"),
        retry_attempts=take("EMULATOR_RETRY_ATTEMPTS", 12, _count, "a whole number above 0"),
        delivery_timeout_seconds=take(
            "EMULATOR_DELIVERY_TIMEOUT_SECONDS", 10.0, _positive, "a number of seconds above 0"
        ),
        redirect_wait_seconds=take("EMULATOR_REDIRECT_WAIT_SECONDS", 10.0, _positive, "a number of seconds above 0"),
        log_level=take("LOG_LEVEL", "info", _level, "debug, info, warning or error"),
    )
    if wrong:
        raise WrongSettingsError("\n".join(wrong))
    return settings


def _port(text: str) -> int:
    return _count(text) if int(text) <= MAX_PORT else _refuse()


def _count(text: str) -> int:
    return int(text) if int(text) > 0 else _refuse()


def _positive(text: str) -> float:
    return float(text) if 0 < float(text) < float("inf") else _refuse()


def _url(text: str) -> str:
    parts = urlsplit(text)
    return text if parts.scheme in {"http", "https"} and parts.hostname else _refuse()


def _secrets(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) or _refuse()


def _level(text: str) -> str:
    return text.lower() if text.lower() in {"debug", "info", "warning", "error"} else _refuse()


def _refuse() -> NoReturn:
    raise ValueError
