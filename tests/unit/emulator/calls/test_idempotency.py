"""Tests idempotency keys."""

import pytest

from stripe_emulator.calls.idempotency import StoredAnswer, StoredAnswers
from stripe_emulator.reference.errors import StripeApiError

FIRST = StoredAnswer("/v1/refunds", {"amount": "1"}, 200, b"{}", "req_1")


@pytest.fixture
def answers() -> StoredAnswers:
    stored = StoredAnswers()
    stored.keep("key", FIRST)
    return stored


def test_a_new_key_has_no_answer(answers: StoredAnswers) -> None:
    assert answers.find("other", "/v1/refunds", {}) is None


def test_the_same_request_gets_the_first_answer(answers: StoredAnswers) -> None:
    answers.keep("key", StoredAnswer("/v1/refunds", {"amount": "1"}, 402, b"{}", "req_2"))

    assert answers.find("key", "/v1/refunds", {"amount": "1"}) is FIRST


@pytest.mark.parametrize(
    ("path", "values", "message"),
    [("/v1/charges", {"amount": "1"}, "same endpoint"), ("/v1/refunds", {"amount": "2"}, "same parameters")],
)
def test_another_request_with_the_key_is_refused(
    answers: StoredAnswers, path: str, values: dict[str, str], message: str
) -> None:
    with pytest.raises(StripeApiError, match=message) as error_info:
        answers.find("key", path, values)

    assert error_info.value.kind == "idempotency_error"


def test_a_key_has_at_most_255_characters(answers: StoredAnswers) -> None:
    with pytest.raises(StripeApiError, match="at most 255"):
        answers.find("k" * 256, "/v1/refunds", {})
