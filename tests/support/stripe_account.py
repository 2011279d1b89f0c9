"""One account at the emulator: its customers pay, fail and dispute there, and no webhook of ours need hear of it."""

from typing import Any, Self

import httpx

from lea_payments.payment.record import Payment
from lea_payments.settings import ReconcilerSettings, TableSettings

STRIPE_KEY = "sk_test_reconciler"
NOBODY = "http://127.0.0.1:9/"
"""Where nobody listens: an endpoint there makes every event one that was not delivered."""

METADATA = "payment_intent_data[metadata][payment_intent_id]"


async def at_once(_: float) -> None:
    """A pause that is over at once."""


class Account:
    """The emulator as a test uses it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {STRIPE_KEY}"}, timeout=60, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def settings(self, of_table: TableSettings) -> ReconcilerSettings:
        """A reconciler's, of this account and that table."""
        variables = {
            "DDB_ENDPOINT": of_table.ddb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": of_table.table,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_API_BASE": self.url,
        }
        return ReconcilerSettings.model_validate(variables)

    def get(self, path: str, **params: Any) -> Any:
        """What the API answers."""
        answer = self._http.get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, **form: Any) -> Any:
        """What the API answers."""
        answer = self._http.post(path, data=form)
        assert answer.is_success, answer.text
        return answer.json()

    def control(self, path: str, **body: Any) -> Any:
        """What one of the emulator's own controls answers."""
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def reset(self, webhook: str | None = None, **faults: Any) -> None:
        """Forgets everything; `webhook` then hears of what happens, as well as the faults let it."""
        self.control("/_reset")
        if webhook is not None:
            self.post("/v1/webhook_endpoints", url=webhook, **{"enabled_events[]": "*"})
        self.faults(**faults)

    def faults(self, **faults: Any) -> None:
        """Lets this go wrong, and nothing else."""
        assert self._http.put("/_faults", json=faults).is_success

    def session(self, payment: Payment, *, metadata: bool = True, reference: bool = True, **form: Any) -> str:
        """A Checkout Session for the payment; `metadata` is the PaymentIntent's. Gives its id."""
        price = "line_items[0][price_data]"
        asked: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://localhost/success",
            f"{price}[currency]": payment.currency,
            f"{price}[unit_amount]": payment.amount,
            f"{price}[product_data][name]": "Travel insurance",
            "line_items[0][quantity]": 1,
        }
        if metadata:
            asked[METADATA] = payment.payment_intent_id
        if reference:
            asked["client_reference_id"] = payment.payment_intent_id
        return str(self.post("/v1/checkout/sessions", **(asked | form))["id"])

    def pay(self, session_id: str, **how: Any) -> None:
        """The customer pays, or is declined, and nobody waits for the merchant."""
        answer = self._http.post(f"/_pay/{session_id}", json={"wait": False} | how)
        assert answer.status_code in (200, 402), answer.text

    def intent_of(self, session_id: str) -> str:
        """The session's PaymentIntent."""
        return str(self.get(f"/v1/checkout/sessions/{session_id}")["payment_intent"])

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.get("/v1/events", limit=100, **more)
            found += page["data"]
            if not page["has_more"]:
                return found[::-1]
            more = {"starting_after": found[-1]["id"]}
