from typing import Any

import pytest
from prometheus_client import REGISTRY

from lea_payments.payment.event import Outcome
from lea_payments.stripe.events import Ignored, translate
from lea_payments.telemetry import metrics
from lea_payments.telemetry.services import webhook
from tests.support import stripe_bodies

IGNORED: dict[str, bytes] = {
    "unused_type": stripe_bodies.event("customer.created", {"object": "customer"}),
    "other_account": stripe_bodies.event("charge.refunded", {}, account="acct_9"),
    "other_mode": stripe_bodies.event("charge.refunded", {}, livemode=True),
    "thin_payload": b'{"id": "evt_thin", "object": "v2.core.event", "type": "v2.core.event_destination.ping"}',
    "session_mode": stripe_bodies.completed("payment_1", mode="setup"),
    "nothing_refunded": stripe_bodies.refunded("payment_1", 0),
}
"""An event for each reason. An open session is in none of the events that the services use."""


def _ignored(body: bytes) -> Ignored:
    event = translate(body, livemode=False)
    assert isinstance(event, Ignored)
    return event


def _count(event: Ignored) -> dict[str, float]:
    """The growth of every reason by one answer to this event."""
    before = _counts()
    with webhook.delivery_span() as span:
        webhook.webhook_answered(span, event.outcome, 200, event, None, event.reason)
    return {reason: value - before[reason] for reason, value in _counts().items() if value != before[reason]}


def _counts() -> dict[str, Any]:
    name = "payments_webhook_ignored_total"
    return {reason: REGISTRY.get_sample_value(name, {"reason": reason}) or 0 for reason in metrics.IGNORED_REASONS}


@pytest.mark.parametrize("reason", IGNORED)
def test_an_ignored_event_is_counted_by_its_reason(reason: str) -> None:
    assert _count(_ignored(IGNORED[reason])) == {reason: 1}


@pytest.mark.parametrize(
    ("reason", "label"), [("session_open", "session_open"), ("of_next_year", "other"), ("of_next_year:x", "other")]
)
def test_a_reason_without_a_label_is_other(reason: str, label: str) -> None:
    event = Ignored("evt_1", "checkout.session.completed", 1, Outcome.IGNORED, reason)

    assert _count(event) == {label: 1}
