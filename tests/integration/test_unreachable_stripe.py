"""Why a call to Stripe has no response, in words."""

import socket

import pytest
import stripe

from lea_payments.stripe.client import client, unavailable_reason


def _error_of(base: str) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as raised:
        client("sk_test_OfNobody", base, read_seconds=0.2).raw_request("get", "/v1/events")
    return raised.value


def test_a_refused_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert unavailable_reason(_error_of(f"http://127.0.0.1:{port}")).startswith(
        "Stripe is unreachable: it refuses the connection"
    )


def test_a_name_that_cannot_be_resolved_is_named() -> None:
    assert "cannot be resolved: check DNS" in unavailable_reason(_error_of("http://stripe.invalid"))


def test_a_server_that_does_not_respond_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert "does not respond in time" in unavailable_reason(_error_of(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("status", "text"),
    [(429, "Stripe limits the rate of calls"), (503, "Stripe answers with HTTP 503: check status.stripe.com")],
)
def test_an_answer_is_named_by_its_status(status: int, text: str) -> None:
    assert unavailable_reason(stripe.APIError("", http_status=status)).startswith(text)


def test_another_problem_names_what_to_check() -> None:
    assert unavailable_reason(stripe.APIError("")) == "Stripe is unreachable: check the network and STRIPE_API_BASE"
