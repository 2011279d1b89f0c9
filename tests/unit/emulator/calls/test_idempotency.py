"""Tests idempotency keys."""

import pytest

from stripe_emulator.calls.idempotency import Replies, Reply
from stripe_emulator.reference.errors import ApiError

FIRST = Reply("/v1/refunds", {"amount": "1"}, 200, b"{}", "req_1")


@pytest.fixture
def replies() -> Replies:
    replies = Replies()
    replies.keep("key", FIRST)
    return replies


def test_a_new_key_has_no_answer(replies: Replies) -> None:
    assert replies.find("other", "/v1/refunds", {}) is None


def test_the_same_request_gets_the_first_answer(replies: Replies) -> None:
    replies.keep("key", Reply("/v1/refunds", {"amount": "1"}, 402, b"{}", "req_2"))

    assert replies.find("key", "/v1/refunds", {"amount": "1"}) is FIRST


@pytest.mark.parametrize(
    ("path", "values", "message"),
    [("/v1/charges", {"amount": "1"}, "same endpoint"), ("/v1/refunds", {"amount": "2"}, "same parameters")],
)
def test_another_request_with_the_key_is_refused(
    replies: Replies, path: str, values: dict[str, str], message: str
) -> None:
    with pytest.raises(ApiError, match=message) as error_info:
        replies.find("key", path, values)

    assert error_info.value.kind == "idempotency_error"


def test_a_key_has_at_most_255_characters(replies: Replies) -> None:
    with pytest.raises(ApiError, match="at most 255"):
        replies.find("k" * 256, "/v1/refunds", {})
