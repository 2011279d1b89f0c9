from lea_payments.reconciler import comparison
from lea_payments.stripe.events import EVENT_TYPES


def test_declines_refunds_disputes_and_warnings_have_no_session() -> None:
    assert set(comparison.TYPES_WITHOUT_SESSION) == {
        "payment_intent.payment_failed",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "radar.early_fraud_warning.created",
        "radar.early_fraud_warning.updated",
    }
    assert set(comparison.TYPES_WITHOUT_SESSION) < EVENT_TYPES.keys()
