"""Payments before their first event, as checkout and people create them, and facts of a first event."""

from msgspec.structs import replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from tests.support.scenarios import record

PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a", attempt=1)
REFUND = Fact(kind=Kind.REFUND, state="pending", amount=700, intent="pi_a")
BY_CHECKOUT = replace(
    record("payment_1"),
    updated_at="2026-01-01T00:00:01.000Z",
    version=2,
    status_rank=0,
    traceparent="00-1-1-01",
    checkout_attempt=1,
    checkout_attempt_at="2026-01-01T00:00:00.000Z",
    checkout_locale="en",
    checkout_link="https://checkout.stripe.com/c/pay/cs_test_a#fragment",
)
BY_HAND = Payment(payment_intent_id="payment_1", stripe_session_id="cs_test_a", amount=4999, currency="sgd")


def event_of(fact: Fact = PAID, object_id: str = "cs_test_a") -> PaymentEvent:
    """An event that reports the fact."""
    session_id = object_id if fact.kind == Kind.SESSION else None
    return PaymentEvent(id="evt_1", type="some.type", created=0, object_id=object_id, fact=fact, session_id=session_id)
