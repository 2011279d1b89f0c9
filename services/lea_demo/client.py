"""Makes the calls of a payment's caller and customer: to the checkout API, the pages and the emulator."""

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

TIMEOUT_SECONDS = 20.0
"""The emulator's pay page waits up to 10 s for the webhook's answer, as Stripe's does."""

NO_PROXY = {f"all://{host}": None for host in ("localhost", "127.0.0.1")}
_HEADING = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)

EXAMPLE_ORDER: Mapping[str, Any] = {
    "user_id": "user_42",
    "quote_id": "quote_7",
    "amount": 12000,
    "currency": "sgd",
    "product_name": "Travel insurance, Japan, 10 days",
}

PaymentJson = Mapping[str, Any]
"""A payment as the checkout API returns it."""


class CallError(Exception):
    """A call failed. The message says what to do."""


class Client:
    """The calls that a payment needs from its link to its end."""

    def __init__(self, checkout: str, pages: str, token: str) -> None:
        self._checkout = checkout.rstrip("/")
        self._pages = pages.rstrip("/")
        self._token = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS, mounts=NO_PROXY)

    def create(self, order: Mapping[str, Any]) -> tuple[PaymentJson, str]:
        """Creates a payment and returns it with its link."""
        answer = self._api("POST", "/payments", json=order)
        return answer["payment"], answer["link"]["url"]

    def payment(self, payment_id: str) -> PaymentJson:
        """Reads the payment."""
        payment: PaymentJson = self._api("GET", f"/payments/{payment_id}")
        return payment

    def pay(self, link: str, method: Mapping[str, str]) -> str:
        """Pays at the emulator. Returns the codes of a decline as the record has them; empty means accepted."""
        if (urlsplit(link).hostname or "").endswith("stripe.com"):
            raise CallError("only a person can pay on Stripe's own page: leave out --card and --delayed")
        answer = self._send("POST", link.replace("/c/pay/", "/_pay/"), "read the output of `make demo`", json=method)
        if answer.is_success:
            return ""
        error = answer.json()["error"]
        if "payment_intent" not in error:
            raise CallError(f"{error['message']} Use Stripe's test cards, declined cards first")
        return ":".join(filter(None, [error["code"], error.get("decline_code")]))

    def success_page(self, session_id: str) -> str:
        """The heading of the success page."""
        url, language = f"{self._pages}/success?session_id={session_id}", {"Accept-Language": "en"}
        answer = self._send("GET", url, "start the pages, or use --pages", headers=language)
        heading = _HEADING.search(answer.text)
        return html.unescape(heading[1]) if heading else f"HTTP {answer.status_code}"

    def _api(self, method: str, path: str, **options: Any) -> Any:
        remedy = "start `make demo` in another terminal, or use --checkout"
        answer = self._send(method, f"{self._checkout}{path}", remedy, headers=self._token, **options)
        body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if answer.is_success and body:
            return body
        problem = body.get("error", {}).get("message", f"HTTP {answer.status_code}: is this the checkout API?")
        raise CallError(f"{self._checkout} answers: {problem}")

    def _send(self, method: str, url: str, remedy: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CallError(f"no answer from {'://'.join(urlsplit(url)[:2])} ({error}): {remedy}") from None
