import pytest
import stripe

from lea_payments.stripe.client import header, message_of


@pytest.mark.parametrize("key", ["sk_test_51Abc", "rk_live_51Abc", "sk_live_****1234"])
def test_a_message_does_not_show_our_key(key: str) -> None:
    error = stripe.InvalidRequestError(f"Invalid API Key provided: {key} here", None)  # type: ignore[no-untyped-call]  # it has no types

    assert message_of(error) == "Invalid API Key provided: [key] here"


def test_a_message_can_be_missing() -> None:
    assert message_of(stripe.StripeError()) == ""


def test_a_header_is_found_in_any_case() -> None:
    assert header({"Retry-After": "7"}, "retry-after") == "7"
    assert header({}, "retry-after") == ""
