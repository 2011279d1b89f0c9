from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import stripe
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from lea_payments.stripe.client import details_of
from lea_payments.telemetry.services import checkout


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def _calls(call: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("payments_stripe_calls_total", {"call": call, "outcome": outcome}) or 0


def test_calls_without_a_token_write_at_most_one_line(lines: list[MutableMapping[str, Any]]) -> None:
    for _ in range(40):
        checkout.call_answered("create", "unauthorized", 401, 0.001)

    assert len(lines) <= 1


def test_other_calls_write_no_line(lines: list[MutableMapping[str, Any]]) -> None:
    for code, status in (("ok", 201), ("invalid_json", 400), ("stripe_error", 502)):
        checkout.call_answered("create", code, status, 0.001)

    assert lines == []


def test_a_failed_call_to_stripe_has_its_request_id(lines: list[MutableMapping[str, Any]]) -> None:
    error = stripe.APIError("oops", http_status=500, headers={"request-id": "req_1"})
    before = _calls("create_session", "error")

    checkout.stripe_call_failed("create_session", "error", "stripe_error", error, details_of(error))

    (line,) = lines
    assert (line["event"], line["http_status"], line["stripe_request"]) == ("stripe_call_failed", 500, "req_1")
    assert _calls("create_session", "error") == before + 1


@pytest.mark.parametrize("code", [{"email": "a@b.example"}, "a@b.example", "x" * 500], ids=["object", "text", "long"])
def test_only_codes_of_stripe_are_logged(lines: list[MutableMapping[str, Any]], code: Any) -> None:
    error = stripe.APIError("a@b.example", http_status=400, code=code)

    checkout.stripe_call_failed("create_session", "rejected", "stripe_refused", error, details_of(error))

    assert "stripe_code" not in lines[0]
    assert "b.example" not in str(lines)


def test_an_error_of_another_kind_is_named(lines: list[MutableMapping[str, Any]]) -> None:
    checkout.stripe_call_failed("retrieve_session", "unreadable", "stripe_error", KeyError("secret"))

    assert lines[0]["problem"] == "KeyError"
    assert "secret" not in str(lines)
