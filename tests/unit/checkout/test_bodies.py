import re
from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.checkout.bodies import (
    ID_PATTERN,
    CurrentPayment,
    NewPayment,
    PaymentWithHistory,
    PublishedPayment,
    error_body,
    error_responses,
    payment_id_for,
    payment_of,
    validation_error_body,
    with_link,
)
from lea_payments.checkout.errors import CREATE, LIST
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment.record import Dispute, HistoryEntry, Payment
from lea_payments.store.table import PUBLISHED_FIELDS
from lea_payments.stripe.checkout_sessions import CheckoutSession

REQUEST: dict[str, Any] = {
    "user_id": "user_1",
    "quote_id": "quote_1",
    "amount": 12000,
    "currency": "SGD",
    "product_name": "Travel insurance",
}


def test_one_idempotency_key_gives_one_id() -> None:
    assert payment_id_for("order-1") == payment_id_for("order-1")
    assert payment_id_for("order-1") != payment_id_for("order-2")


def test_ids_without_a_key_are_unique() -> None:
    assert len({payment_id_for(None) for _ in range(100)}) == 100


@pytest.mark.parametrize("key", [None, "order-1", "k" * 255], ids=["no key", "short key", "long key"])
def test_a_generated_id_fits_stripes_reference(key: str | None) -> None:
    assert re.fullmatch(ID_PATTERN, payment_id_for(key))
    assert len(payment_id_for(key)) <= 200


def test_a_given_id_takes_precedence_over_the_key() -> None:
    request = NewPayment(**REQUEST, payment_intent_id="payment_123")

    assert payment_of(request, "order-1", None).payment_intent_id == "payment_123"


def test_a_payment_has_its_currency_in_lower_case() -> None:
    assert payment_of(NewPayment(**REQUEST), None, None).currency == "sgd"


def test_a_payment_has_the_trace_and_the_language() -> None:
    payment = payment_of(NewPayment(**REQUEST, locale="ms"), None, "00-trace")

    assert (payment.traceparent, payment.checkout_locale) == ("00-trace", "ms")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "12000"),
        ("amount", 120.5),
        ("amount", True),
        ("amount", 0),
        ("amount", 10**12),
        ("user_id", ""),
        ("user_id", "u" * 257),
        ("quote_id", "line\nbreak"),
        ("product_name", "   "),
        ("payment_intent_id", "no spaces"),
        ("payment_intent_id", "p" * 201),
        ("locale", "klingon"),
        ("user", "a misspelt field"),
    ],
)
def test_an_invalid_field_is_rejected_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as error:
        NewPayment.model_validate(REQUEST | {field: value})

    assert [problem["loc"] for problem in error.value.errors()] == [(field,)]


def test_the_published_body_matches_the_contract() -> None:
    assert tuple(PublishedPayment.model_fields) == PUBLISHED_FIELDS


def test_a_dispute_is_a_word() -> None:
    record = Payment(payment_intent_id="payment_1", dispute_status=Dispute.WON)

    assert CurrentPayment.of(record).dispute_status == "won"


def test_the_history_has_one_line_per_event() -> None:
    entry = HistoryEntry("evt_1", "charge.refunded", "applied", "pending", "completed", "2026-01-01T00:00:00Z", None)
    record = Payment(payment_intent_id="payment_1", history=(entry,))

    (line,) = PaymentWithHistory.of(record).history

    assert line.model_dump() == entry._asdict()


@pytest.mark.parametrize("url", ["https://pay.example/1", None], ids=["open", "without url"])
def test_a_link_has_its_url_and_its_end_in_utc(url: str | None) -> None:
    session = CheckoutSession("cs_1", "open", url, 1767225600)
    checkout = OpenCheckout(Payment(payment_intent_id="payment_1"), session, reused=False)

    link = with_link(checkout).link

    assert (link.url, link.expires_at) == (url or "", "2026-01-01T00:00:00Z")


def test_all_invalid_fields_are_named_without_values() -> None:
    problems = [
        {"loc": ("body", "amount"), "msg": "Input should be a valid integer", "input": "secret"},
        {"loc": ("header", "Idempotency-Key"), "msg": "String should have at most 255 characters", "input": "secret"},
    ]

    error = validation_error_body(problems)["error"]

    assert (error["code"], error["param"]) == ("invalid_request", "amount")
    assert "amount: Input" in error["message"]
    assert "Idempotency-Key: String" in error["message"]
    assert "secret" not in str(error)


def test_a_problem_with_the_whole_body_names_the_body() -> None:
    error = validation_error_body([{"loc": ("body",), "msg": "Field required"}])["error"]

    assert error["param"] == "body"


def test_an_error_without_param_has_no_param_field() -> None:
    assert error_body("try_again", "Repeat it.") == {"error": {"code": "try_again", "message": "Repeat it."}}


def test_codes_with_the_same_status_are_described_together() -> None:
    responses = error_responses(CREATE)

    examples = responses[502]["content"]["application/json"]["examples"]
    assert list(examples) == ["stripe_unreachable", "stripe_error", "stripe_refused"]


def test_a_call_documents_only_its_own_errors() -> None:
    assert list(error_responses(LIST)) == [401, 422, 500, 503]
