"""Creates, pays and cancels payments through a running checkout API and the emulator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support.checkout_api import WEBHOOK_SECRET, checkout_client, payment_body
from tests.support.emulator import EmulatorClient
from tests.support.waiting import until


class Shop:
    """One checkout API and the emulator behind it."""

    def __init__(self, api: httpx.Client, account: EmulatorClient) -> None:
        self.api = api
        self.account = account

    def create(self, **fields: Any) -> dict[str, Any]:
        """Creates a payment and returns it."""
        answer = self.api.post("/payments", json=payment_body(**fields))
        assert answer.is_success, answer.text
        payment: dict[str, Any] = answer.json()["payment"]
        return payment

    def cancel(self, payment_id: str) -> httpx.Response:
        """The answer to a cancellation."""
        return self.api.post(f"/payments/{payment_id}/cancel")

    def read(self, payment_id: str) -> dict[str, Any]:
        """The payment as it is now."""
        payment: dict[str, Any] = self.api.get(f"/payments/{payment_id}").raise_for_status().json()
        return payment

    def until(self, payment_id: str, status: str, reason: str | None = None) -> dict[str, Any]:
        """Waits until the payment has this status and reason, and returns it."""

        def reached() -> dict[str, Any]:
            payment = self.read(payment_id)
            assert (payment["payment_status"], payment["status_reason"]) == (status, reason), payment
            return payment

        return until(reached, f"{payment_id} to become {status}")

    def session(self, session_id: str) -> dict[str, Any]:
        """The session at Stripe."""
        session: dict[str, Any] = self.account.get(f"/v1/checkout/sessions/{session_id}")
        return session

    def sessions(self) -> Sequence[dict[str, Any]]:
        """Every session at Stripe."""
        return list(self._pages())

    def _pages(self) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self.account.get("/v1/checkout/sessions", limit=100, **cursor)
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The HTTP status and the error code of an answer."""
    return answer.status_code, answer.json()["error"]["code"]


@contextmanager
def open_account(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[EmulatorClient]:
    """Starts an emulator and the webhook that receives its events; yields the emulator's client."""
    port = str(free_port())
    hook = f"http://127.0.0.1:{port}/webhook/stripe"
    url = start_service("stripe-emulator", EMULATOR_WEBHOOK_SECRET=WEBHOOK_SECRET, EMULATOR_WEBHOOK_URL=hook)
    start_service("webhook", PORT=port, STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    with EmulatorClient(url) as account:
        yield account


def open_shop(checkout: str, account: EmulatorClient) -> Shop:
    """A shop at this checkout service. Close its `api`."""
    return Shop(checkout_client(checkout), account)
