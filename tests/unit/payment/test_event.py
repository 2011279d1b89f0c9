from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind


def test_an_event_needs_no_reference() -> None:
    fact = Fact(kind=Kind.DISPUTE, state="lost")

    event = PaymentEvent(id="evt_1", type="some.type", created=0, object_id="du_1", fact=fact)

    assert (event.payment_ids, event.session_id, event.intent_ids) == ((), None, ())
