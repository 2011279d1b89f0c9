"""A client of the emulator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

KEY = "sk_test_emulator"


@dataclass
class EmulatorClient:
    """Talks to a running emulator: through its own HTTP interface, and through the official package."""

    url: str
    http: httpx.Client
    stripe: Any  # a stripe.StripeClient, whose types refuse parameters that are plain dictionaries

    def checkout(self, **more: Any) -> Any:
        """Create a checkout session for one policy."""
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

    def pay(self, session_id: str, **how: Any) -> httpx.Response:
        """Pay a session as its customer would."""
        return self.http.post(f"/_pay/{session_id}", json=how)

    def set_faults(self, **faults: Any) -> None:
        """Replace all faults."""
        self.http.put("/_faults", json=faults).raise_for_status()


Start = Callable[..., EmulatorClient]
