import json

import pytest
import stripe

from lea_payments.stripe.client import MAX_BODY, UNREADABLE, header, message_of, safe_body


@pytest.mark.parametrize("key", ["sk_test_51Abc", "rk_live_51Abc", "sk_live_****1234"])
def test_a_message_does_not_show_our_key(key: str) -> None:
    error = stripe.InvalidRequestError(f"Invalid API Key provided: {key} here", None)  # type: ignore[no-untyped-call]  # it has no types

    assert message_of(error) == "Invalid API Key provided: [key] here"


def test_a_message_can_be_missing() -> None:
    assert message_of(stripe.StripeError()) == ""


def test_a_header_is_found_in_any_case() -> None:
    assert header({"Retry-After": "7"}, "retry-after") == "7"
    assert header({}, "retry-after") == ""


MARKER = "mei.ling@example.com"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        f"<html>{MARKER}".encode(),
        f'{{"name": "{MARKER}'.encode(),
        f'"{MARKER}"'.encode(),
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b'{"n": ' + b"9" * 5_000 + b"}",
        b" " * (MAX_BODY + 1),
    ],
    ids=["empty", "html", "truncated", "text", "list", "bytes", "nested", "digits", "huge"],
)
def test_an_unreadable_body_is_not_quoted(body: bytes) -> None:
    with pytest.raises(stripe.APIConnectionError) as error_info:
        safe_body(body, 200)

    assert (str(error_info.value), error_info.value.http_status, error_info.value.http_body) == (UNREADABLE, 200, None)
    assert error_info.value.should_retry


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"code": "a", "message": "b", "source": MARKER, "payment_intent": {"x": 1}}}, {"code", "message"}),
        ({"error": {"code": [MARKER], "type": None}}, set()),
        ({"error": MARKER}, set()),
        ({"error": [MARKER]}, set()),
        ([MARKER], set()),
    ],
    ids=["other fields", "other types", "text", "list", "no object"],
)
def test_an_error_keeps_only_what_says_what_is_wrong(body: object, fields: set[str]) -> None:
    assert json.loads(safe_body(json.dumps(body).encode(), 402))["error"].keys() == fields


def test_invalid_bytes_in_a_body_are_replaced() -> None:
    assert safe_body(b'{"name": "\xed\xa0\xbd"}', 200) == '{"name": "���"}'


def test_a_message_has_no_address_and_no_key_and_is_short() -> None:
    text = f"sk_test_51Ab of {MARKER}: {'x ' * 10_000}{MARKER}"
    error = stripe.InvalidRequestError(text, None)  # type: ignore[no-untyped-call]  # it has no types

    assert message_of(error) == f"[key] of [address] {'x ' * 1000}"[:300]


def test_a_long_word_is_not_shown_in_part() -> None:
    error = stripe.InvalidRequestError(f"no such object: {'a' * 10_000}", None)  # type: ignore[no-untyped-call]  # it has no types

    assert message_of(error) == "no such object:"
