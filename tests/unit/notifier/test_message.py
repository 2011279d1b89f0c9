import json
from datetime import UTC, datetime

from msgspec.structs import replace
from standardwebhooks.webhooks import Webhook

from lea_payments.notifier.message import message_of
from lea_payments.payment.record import Payment, Status
from tests.support.first_events import BY_CHECKOUT
from tests.support.receiver import SECRET

OTHER_SECRET = "whsec_" + "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="


def test_the_body_has_the_published_fields_and_the_version() -> None:
    payment = replace(BY_CHECKOUT, payment_status=Status.FAILED, status_reason="lost_card", version=7)

    body = json.loads(message_of(payment).body)

    assert (body["type"], body["timestamp"]) == ("payment.failed", payment.updated_at)
    assert body["data"] == {
        "payment_intent_id": "payment_1",
        "user_id": "user_1",
        "quote_id": "quote_1",
        "stripe_session_id": "cs_test_a",
        "stripe_payment_intent": None,
        "payment_status": "failed",
        "amount": 4999,
        "currency": "sgd",
        "product_name": "Travel insurance",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:01.000Z",
        "webhook_processed_at": None,
        "status_reason": "lost_card",
        "amount_refunded": 0,
        "dispute_status": "none",
        "version": 7,
    }


def test_the_id_is_that_of_the_payment_and_its_version() -> None:
    ids = [message_of(replace(BY_CHECKOUT, version=version)).id for version in (2, 2, 3)]
    other = message_of(replace(BY_CHECKOUT, payment_intent_id="payment_2", version=2)).id

    assert ids[0] == ids[1]
    assert len({*ids, other}) == 3


def test_a_record_written_by_hand_has_version_0() -> None:
    assert json.loads(message_of(Payment(payment_intent_id="p")).body)["data"]["version"] == 0


def test_each_secret_has_a_signature_that_verifies() -> None:
    message = message_of(BY_CHECKOUT)

    headers = message.headers([SECRET, OTHER_SECRET], datetime.now(UTC))

    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(message.body, dict(headers)) == json.loads(message.body)
