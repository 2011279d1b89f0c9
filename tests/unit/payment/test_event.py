from lea_payments.payment.event import CHANGES, Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Dispute


def test_an_event_has_only_the_fields_of_its_fact() -> None:
    event = PaymentEvent(id="evt_1", type="charge.refunded", created=0, fact=Fact.REFUNDED)

    assert (event.payment_id, event.session_id, event.stripe_payment_intent) == (None, None, None)
    assert (event.amount_refunded, event.dispute) == (0, Dispute.NONE)


def test_only_applied_and_review_change_a_payment() -> None:
    assert {*CHANGES} == {Outcome.APPLIED, Outcome.REVIEW}
