"""A client for the API and the controls of a running Stripe emulator."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import httpx
import stripe

from lea_payments.payment.record import Payment
from lea_payments.settings import ReconcilerSettings, TableSettings
from tests.support import plain_http

STRIPE_KEY = "sk_test_emulator"
UNREACHABLE = "http://127.0.0.1:9/"
"""An address without a listener: events for an endpoint there are not delivered."""

METADATA = "payment_intent_data[metadata][payment_intent_id]"


async def no_wait(_: float) -> None:
    """Replaces `asyncio.sleep` and returns at once."""


class EmulatorClient:
    """Calls the emulator over HTTP; `stripe` is the official package's client."""

    def __init__(self, url: str, key: str = STRIPE_KEY) -> None:
        self.url = url
        self.key = key
        self.http = plain_http.client(url, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @cached_property
    def stripe(self) -> Any:
        """The official package's client. It is untyped, because its types reject plain dictionaries."""
        return stripe.StripeClient(self.key, base_addresses={"api": self.url}, max_network_retries=0)

    def settings(self, table: TableSettings) -> ReconcilerSettings:
        """The settings of a reconciler for this emulator and that table."""
        variables = {
            "DDB_ENDPOINT": table.ddb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": table.table,
            "STRIPE_SECRET_KEY": self.key,
            "STRIPE_API_BASE": self.url,
        }
        return ReconcilerSettings.model_validate(variables)

    def get(self, path: str, **params: Any) -> Any:
        """The answer of the API to a GET."""
        answer = self.http.get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, **form: Any) -> Any:
        """The answer of the API to a POST."""
        answer = self.http.post(path, data=form)
        assert answer.is_success, answer.text
        return answer.json()

    def control(self, path: str, **body: Any) -> Any:
        """The answer of one of the emulator's own controls."""
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def reset(self, webhook: str | None = None, **faults: Any) -> None:
        """Deletes everything, and sends later events to `webhook` with these faults."""
        self.control("/_reset")
        if webhook is not None:
            self.post("/v1/webhook_endpoints", url=webhook, **{"enabled_events[]": "*"})
        self.set_faults(**faults)

    def set_faults(self, **faults: Any) -> None:
        """Replaces all faults."""
        assert self.http.put("/_faults", json=faults).is_success

    def replace_endpoints(self, events: Sequence[str], url: str) -> str:
        """Registers one webhook endpoint in place of all others and returns its id."""
        for endpoint in self.get("/v1/webhook_endpoints", limit=100)["data"]:
            self.http.delete(f"/v1/webhook_endpoints/{endpoint['id']}").raise_for_status()
        enabled = {f"enabled_events[{index}]": name for index, name in enumerate(events)}
        return str(self.post("/v1/webhook_endpoints", url=url, **enabled)["id"])

    def session(self, payment: Payment, *, metadata: bool = True, reference: bool = True, **form: Any) -> str:
        """Creates a Checkout Session for the payment and returns its id; `metadata` is the PaymentIntent's."""
        price = "line_items[0][price_data]"
        fields: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://localhost/success",
            f"{price}[currency]": payment.currency,
            f"{price}[unit_amount]": payment.amount,
            f"{price}[product_data][name]": "Travel insurance",
            "line_items[0][quantity]": 1,
        }
        if metadata:
            fields[METADATA] = payment.payment_intent_id
        if reference:
            fields["client_reference_id"] = payment.payment_intent_id
        return str(self.post("/v1/checkout/sessions", **(fields | form))["id"])

    def checkout(self, **more: Any) -> Any:
        """Creates a Checkout Session through the official package."""
        params: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://merchant.test/success?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://merchant.test/cancel",
            "line_items": [
                {
                    "price_data": {
                        "currency": "sgd",
                        "unit_amount": 12000,
                        "product_data": {"name": "Travel insurance"},
                    },
                    "quantity": 1,
                }
            ],
        }
        return self.stripe.v1.checkout.sessions.create(params=params | more)

    def pay(self, session_id: str, **options: Any) -> httpx.Response:
        """Pays a session; the answer contains the redirect URL, or is a 402 with the decline."""
        return self.http.post(f"/_pay/{session_id}", json=options)

    def pay_without_waiting(self, session_id: str, **options: Any) -> None:
        """Pays a session, or is declined, without waiting for the webhook."""
        answer = self.pay(session_id, wait=False, **options)
        assert answer.status_code in (200, 402), answer.text

    def intent_of(self, session_id: str) -> str:
        """The id of the session's PaymentIntent."""
        return str(self.get(f"/v1/checkout/sessions/{session_id}")["payment_intent"])

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first."""
        events: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/v1/events", limit=100, **cursor)
            events += page["data"]
            if not page["has_more"]:
                return events[::-1]
            cursor = {"starting_after": events[-1]["id"]}
