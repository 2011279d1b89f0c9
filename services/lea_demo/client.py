"""Makes the calls of a payment's caller and customer: to the checkout API, the pages and the emulator."""

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx

# The emulator's pay page waits up to 10 s for the webhook's answer, as Stripe's does.
TIMEOUT_SECONDS = 20.0
NO_PROXY = {f"all://{host}": None for host in ("localhost", "127.0.0.1")}
_HEADING = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)

PaymentJson = Mapping[str, Any]  # a payment as the checkout API returns it


class CallError(Exception):
    """A call failed. The message says what to do."""


class Client:
    """The calls that a payment needs from its link to its end."""

    def __init__(self, checkout: str, pages: str, token: str) -> None:
        self._checkout = checkout.rstrip("/")
        self._pages = pages.rstrip("/")
        self._token = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS, mounts=NO_PROXY)

    def create(self, payment_id: str, amount: int = 12000, currency: str = "sgd") -> str:
        """Creates a payment and returns its link."""
        order = {"user_id": "user_42", "quote_id": "quote_7", "product_name": "Travel insurance, Japan, 10 days"}
        money = {"amount": amount, "currency": currency}
        answer = self._api("POST", "/payments", json={"payment_intent_id": payment_id, **order, **money})
        return str(answer["link"]["url"])

    def payment(self, payment_id: str) -> PaymentJson:
        """Reads the payment."""
        return self._api("GET", f"/payments/{payment_id}")

    def pay(self, link: str, method: Mapping[str, str]) -> str:
        """Pays at the emulator. Returns the codes of a decline as the record has them; empty means accepted."""
        if "stripe.com/" in link:
            raise CallError("only a person can pay on Stripe's own page: leave out --card and --delayed")
        answer = self._send("POST", link.replace("/c/pay/", "/_pay/"), json=method)
        if answer.is_success and answer.json().get("next_action"):
            answer = self._send("POST", link.replace("/c/pay/", "/_authenticate/"), json={"result": "succeeded"})
        if answer.is_success:
            return ""
        error = answer.json()["error"]
        if "payment_intent" not in error:
            raise CallError(f"{error['message']} Use Stripe's test cards, declined cards first")
        return ":".join(filter(None, [error["code"], error.get("decline_code")]))

    def success_heading(self, session_id: str) -> str:
        """The heading of the success page."""
        url = f"{self._pages}/success?session_id={session_id}"
        answer = self._send("GET", url, headers={"Accept-Language": "en"}, follow_redirects=True)
        heading = _HEADING.search(answer.text)
        return html.unescape(heading[1]) if heading else f"HTTP {answer.status_code}"

    def _api(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        answer = self._send(method, f"{self._checkout}{path}", headers=self._token, **options)
        if not answer.is_success:
            raise CallError(f"{answer.url} answers {answer.status_code}: {answer.text}")
        return dict(answer.json())

    def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            remedy = "start `make demo` in another terminal, or use --checkout and --pages"
            raise CallError(f"no answer from {url} ({error}): {remedy}") from None
