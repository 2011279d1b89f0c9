from lea_payments.reconciler import comparison
from lea_payments.stripe.events import EVENT_TYPES


def test_declines_refunds_and_disputes_have_no_session() -> None:
    assert set(comparison.TYPES_WITHOUT_SESSION) == {
        "payment_intent.payment_failed",
        "charge.refunded",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
    }
    assert set(comparison.TYPES_WITHOUT_SESSION) < EVENT_TYPES.keys()
