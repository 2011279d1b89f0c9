import stripe
from msgspec.structs import replace

from lea_payments.stripe.checkout_sessions import CheckoutSession, idempotency_key, params_of, session_of
from tests.support.scenarios import record

RECORD = replace(record("payment_1"), checkout_attempt=2, checkout_attempt_at="2026-01-01T00:00:00.000Z")


def test_the_parameters_describe_the_payment() -> None:
    params = params_of(RECORD, "https://pay.example/")
    (item,) = params["line_items"]

    assert params["client_reference_id"] == "payment_1"
    assert params["metadata"] == {"payment_intent_id": "payment_1", "attempt": "2"}
    assert (item["price_data"]["currency"], item["price_data"]["unit_amount"]) == ("sgd", 4999)
    assert "locale" not in params


def test_the_payment_intent_has_the_attempt_too() -> None:
    """Stripe does not copy the session's metadata, and a decline is an event of the PaymentIntent."""
    params = params_of(RECORD, "https://pay.example")

    assert params["payment_intent_data"]["metadata"] == params["metadata"]


def test_trace_and_language_are_sent_if_the_record_has_them() -> None:
    params = params_of(replace(RECORD, traceparent="00-1-2-01", checkout_locale="de"), "https://pay.example")

    assert params["payment_intent_data"]["metadata"]["traceparent"] == "00-1-2-01"
    assert params["locale"] == "de"


def test_each_attempt_has_its_own_idempotency_key() -> None:
    assert idempotency_key(RECORD) == "checkout-payment_1-2"


def test_a_session_is_converted() -> None:
    fields = {"id": "cs_1", "status": None, "url": None, "expires_at": 5}

    assert session_of(stripe.checkout.Session.construct_from(fields, "key")) == CheckoutSession("cs_1", "", None, 5)
