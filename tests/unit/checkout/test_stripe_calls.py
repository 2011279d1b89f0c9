import re
from typing import Any, get_args

import pytest
import stripe
from msgspec.structs import replace
from stripe.params.checkout import SessionCreateParams

from lea_payments.checkout.errors import ERRORS, InFlightError, KeySpentError, RefusalError
from lea_payments.checkout.stripe_calls import refusal_of
from lea_payments.payment.record import Payment, Status
from lea_payments.stripe.checkout_sessions import Locale, idempotency_key, params_of

KEY = "sk_test_51Secret"
RECORD = Payment(
    payment_intent_id="payment_1",
    user_id="somebody",
    quote_id="quote_1",
    amount=12000,
    currency="sgd",
    product_name="Travel insurance",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    checkout_attempt=2,
    checkout_attempt_at="2026-01-01T00:00:00.000Z",
)


def _call(kind: Any, *arguments: Any, **more: Any) -> Any:
    """One of the package's errors whose constructor has no types."""
    return kind(*arguments, **more)


def test_the_placeholder_reaches_stripe_unescaped() -> None:
    params = params_of(RECORD, "https://pay.example/")

    assert params["success_url"] == "https://pay.example/success?session_id={CHECKOUT_SESSION_ID}"


def test_the_payment_is_named_on_the_session_and_on_what_pays_it() -> None:
    """Stripe does not copy a session's metadata."""
    params = params_of(RECORD, "https://pay.example")

    assert params["client_reference_id"] == "payment_1"
    assert params["metadata"] == {"payment_intent_id": "payment_1", "traceparent": RECORD.traceparent}
    assert params["payment_intent_data"]["metadata"] == params["metadata"]


def test_the_link_ends_23_hours_after_its_attempt_began() -> None:
    assert params_of(RECORD, "https://pay.example")["expires_at"] == 1767225600 + 23 * 3600


def test_stripe_is_told_neither_user_nor_quote() -> None:
    sent = repr(params_of(RECORD, "https://pay.example"))

    assert "somebody" not in sent
    assert "quote_1" not in sent


def test_what_events_change_does_not_change_what_is_sent() -> None:
    """One idempotency key may carry one request only."""
    later = replace(RECORD, payment_status=Status.FAILED, status_rank=10, status_reason="declined", updated_at="later")

    assert params_of(later, "https://pay.example") == params_of(RECORD, "https://pay.example")
    assert idempotency_key(later) == idempotency_key(RECORD)


def test_each_attempt_has_its_own_key() -> None:
    assert idempotency_key(RECORD) != idempotency_key(replace(RECORD, checkout_attempt=3))


def test_the_languages_are_those_of_the_installed_stripe_package() -> None:
    theirs = re.findall(r"'([\w-]+)'", str(SessionCreateParams.__annotations__["locale"]))

    assert set(get_args(Locale)) == set(theirs)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (_call(stripe.APIConnectionError, "no route"), "stripe_unreachable", RefusalError),
        (stripe.APIError("oops", http_status=500), "stripe_error", RefusalError),
        (stripe.APIError("<html>", http_status=200), "stripe_error", RefusalError),
        (
            stripe.APIError("oops", http_status=500, headers={"Idempotent-Replayed": "true"}),
            "stripe_error",
            KeySpentError,
        ),
        (stripe.IdempotencyError("other parameters", http_status=400), "stripe_refused", KeySpentError),
        (stripe.APIError("in use", http_status=409), "try_again", InFlightError),
        (stripe.RateLimitError("slow down", http_status=429), "stripe_busy", RefusalError),
        (stripe.AuthenticationError(f"Invalid API Key: {KEY}", http_status=401), "stripe_refused", RefusalError),
        (stripe.PermissionError(f"{KEY} may not", http_status=403), "stripe_refused", RefusalError),
        (_call(stripe.InvalidRequestError, f"bad, {KEY}", "locale", http_status=400), "stripe_refused", RefusalError),
        (
            _call(stripe.InvalidRequestError, "too small", "amount", "amount_too_small", http_status=400),
            "amount_too_small",
            RefusalError,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_trouble_with_stripe_has_its_code_and_never_shows_the_key(
    error: stripe.StripeError, code: str, kind: type[RefusalError]
) -> None:
    refusal = refusal_of(error)

    assert (refusal.code, type(refusal)) == (code, kind)
    assert code in ERRORS
    assert "51Secret" not in refusal.message
