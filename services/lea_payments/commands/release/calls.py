"""Sends plain HTTP requests inside a cluster, past every proxy."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20.0
"""Longer than the 10 s for which the emulator's pay page waits for the webhook, as Stripe's does."""


class StepError(Exception):
    """A step of the test failed. `remedy` says what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    location: str
    text: str

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.text[:300]}".strip()


def call(
    method: str, url: str, remedy: str, body: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Sends a request. Raises StepError with the remedy if there is no answer."""
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
        return Answer(response.status, response.getheader("Location") or "", text)
    except (OSError, HTTPException) as error:
        raise StepError(f"no answer from {url}: {error!r}", remedy) from None
    finally:
        connection.close()
