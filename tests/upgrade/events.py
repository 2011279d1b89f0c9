"""Builds the events of one payment, with the ids of its own objects."""

import json
from typing import Any, NamedTuple

from tests.support.stripe_bodies import event

AMOUNT, CURRENCY = 12000, "sgd"


class Objects(NamedTuple):
    """The ids of a payment and of the session and PaymentIntent that its events are about."""

    payment: str
    session: str
    intent: str
    attempt: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """What checkout writes into Stripe's objects; version 0.1.0 does not write the attempt."""
        return {"payment_intent_id": self.payment} | ({"attempt": self.attempt} if self.attempt else {})

    def other(self, suffix: str) -> "Objects":
        """The same payment with another session and PaymentIntent."""
        return self._replace(session=f"{self.session}{suffix}", intent=f"{self.intent}{suffix}")

    def session_object(self, **fields: Any) -> dict[str, Any]:
        """A paid session."""
        return {
            "id": self.session,
            "object": "checkout.session",
            "mode": "payment",
            "amount_total": AMOUNT,
            "currency": CURRENCY,
            "client_reference_id": self.payment,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "payment_status": "paid",
            "status": "complete",
        } | fields

    def paid(self, **fields: Any) -> bytes:
        """The session is complete and paid."""
        return event("checkout.session.completed", self.session_object(**fields))

    def unpaid(self, **fields: Any) -> bytes:
        """The session is complete, and the money is on its way."""
        return self.paid(payment_status="unpaid", **fields)

    def async_paid(self, **fields: Any) -> bytes:
        """The delayed payment succeeded."""
        return event("checkout.session.async_payment_succeeded", self.session_object(**fields))

    def async_failed(self) -> bytes:
        """The delayed payment failed."""
        return event("checkout.session.async_payment_failed", self.session_object(payment_status="unpaid"))

    def expired(self) -> bytes:
        """The session expired."""
        fields = {"payment_status": "unpaid", "status": "expired", "payment_intent": None}
        return event("checkout.session.expired", self.session_object(**fields))

    def declined(self, code: str = "insufficient_funds") -> bytes:
        """A card was declined; the session stays open."""
        error = {"code": "card_declined", "decline_code": code, "type": "card_error"}
        return event("payment_intent.payment_failed", self._of_intent("payment_intent", last_payment_error=error))

    def refunded(self, total: int) -> bytes:
        """The charge with the total of its refunds."""
        return event("charge.refunded", self._of_intent("charge", id=f"ch_{self.intent}", amount_refunded=total))

    def refund(self, number: int, amount: int, status: str = "succeeded", event_type: str = "refund.created") -> bytes:
        """One refund."""
        resource = self._of_intent("refund", id=f"re_{self.intent}_{number}", amount=amount, status=status)
        return event(event_type, resource)

    def dispute(self, status: str, stage: str = "created", number: int = 1) -> bytes:
        """One dispute."""
        resource = self._of_intent("dispute", id=f"du_{self.intent}_{number}", amount=AMOUNT, status=status)
        return event(f"charge.dispute.{stage}", resource)

    def _of_intent(self, object_type: str, **fields: Any) -> dict[str, Any]:
        resource = {"id": self.intent, "object": object_type, "metadata": self.metadata}
        return resource | ({} if object_type == "payment_intent" else {"payment_intent": self.intent}) | fields


def id_of(body: bytes) -> str:
    """The id of an event."""
    return str(json.loads(body)["id"])
