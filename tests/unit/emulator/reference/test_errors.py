"""Tests Stripe's error format."""

import pytest

from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import StripeApiError


def test_empty_fields_are_left_out() -> None:
    assert StripeApiError("No.").body() == {"error": {"message": "No.", "type": "invalid_request_error"}}


def test_a_code_links_to_its_documentation() -> None:
    error = StripeApiError("No.", code="card_declined").body()["error"]

    assert (error["code"], error["doc_url"]) == ("card_declined", "https://stripe.com/docs/error-codes/card-declined")


def test_more_fields_are_added() -> None:
    error = errors.unexpected_state("No.", "charge_disputed", {"charge": "ch_1"})

    assert (error.status, error.body()["error"]["charge"]) == (400, "ch_1")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.missing("amount"), 400, "parameter_missing"),
        (errors.invalid("No.", "amount"), 400, None),
        (errors.unknown("amount"), 400, "parameter_unknown"),
        (errors.no_such("charge", "ch_1", "amount"), 400, "resource_missing"),
    ],
    ids=["missing", "invalid", "unknown", "no such object"],
)
def test_an_error_names_its_parameter(error: StripeApiError, status: int, code: str | None) -> None:
    assert (error.status, error.code, error.param) == (status, code, "amount")


def test_a_parameter_is_part_of_the_body() -> None:
    assert errors.missing("amount").body()["error"]["param"] == "amount"
