"""The calls a payment's caller, customer and bank make, for the demo's flow; every trouble says what to do about it."""

import html
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from lea_demo.checks import PaymentJson

SECONDS = 20.0
"""The emulator waits for the webhook's answer for up to 10 s, as Stripe's page does."""

NO_PROXY = {f"all://{host}": None for host in ("localhost", "127.0.0.1")}
_HEADING = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)


class TroubleError(Exception):
    """Raised when a call does not do what was asked; its text says what to do."""


class Calls:
    """The checkout API, the pages and, behind a pay link, the emulator."""

    def __init__(self, checkout: str, pages: str, token: str) -> None:
        self._checkout = checkout.rstrip("/")
        self._pages = pages.rstrip("/")
        self._token = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(timeout=SECONDS, mounts=NO_PROXY)

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def create(self, wanted: dict[str, Any]) -> str:
        """A new payment's link."""
        link: str = self._api("POST", "/payments", json=wanted)["link"]["url"]
        return link

    def record(self, payment_id: str) -> PaymentJson:
        """The payment as it is now."""
        return self._api("GET", f"/payments/{payment_id}")

    def pay(self, link: str, wish: dict[str, str]) -> str:
        """Pays at the emulator: empty when it took it, or the codes of a decline as our records write them."""
        if (urlsplit(link).hostname or "").endswith("stripe.com"):
            raise TroubleError("the link is Stripe's own, where only a person pays: leave out --card and --delayed")
        answer = self._call("POST", link.replace("/c/pay/", "/_pay/"), "see the demo's own lines", json=wish)
        if answer.is_success:
            return ""
        error = answer.json()["error"]
        if "payment_intent" not in error:
            raise TroubleError(f"it says: {error['message']} Give Stripe's test cards, declined ones first")
        return ":".join(filter(None, [error["code"], error.get("decline_code")]))

    def success_page(self, session_id: str) -> str:
        """The heading that the customer reads."""
        answer = self._call(
            "GET",
            f"{self._pages}/success",
            "start the pages, or give --pages",
            params={"session_id": session_id},
            headers={"Accept-Language": "en"},
        )
        found = _HEADING.search(answer.text)
        return html.unescape(found[1]) if found else f"nothing, with HTTP {answer.status_code}"

    def why_no_event(self, link: str, event_types: Sequence[str]) -> str:
        """What to do when no event of these types has reached the record, from what the emulator knows of them."""
        session = urlsplit(link).path.rpartition("/")[2]
        address = urlsplit(link)._replace(path="/_deliveries", query="", fragment="").geturl()
        try:
            tries = self._call("GET", address, "").json()["data"]
        except (TroubleError, ValueError, KeyError):
            return "let Stripe's events reach the webhook: `stripe listen` or an endpoint of your account does"
        # Of a PaymentIntent's events it is not known here which are of this payment.
        ours = [one for one in tries if one["object"] == session or not one["type"].startswith("checkout.")]
        of_types = [one for one in ours if one["type"] in event_types]
        if not of_types:
            return "the emulator has sent none: pay at the link, and see its /_faults if you have"
        answer = f"HTTP {of_types[-1]['status']}" if of_types[-1]["status"] else "no answer"
        return f"the emulator's last delivery met {answer}: see the webhook's lines, and that both have one secret"

    def _api(self, method: str, path: str, **more: Any) -> PaymentJson:
        start = "start `make demo` in another terminal, or give --checkout"
        answer = self._call(method, f"{self._checkout}{path}", start, headers=self._token, **more)
        body: PaymentJson = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if answer.is_success and body:
            return body
        problem = body.get("error", {}).get("message", f"HTTP {answer.status_code}: is it the checkout API?")
        raise TroubleError(f"{self._checkout} says: {problem}")

    def _call(self, method: str, address: str, remedy: str, **more: Any) -> httpx.Response:
        try:
            return self._client.request(method, address, **more)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            host = "://".join(urlsplit(address)[:2])
            raise TroubleError(f"no answer from {host} ({error}): {remedy}") from None
