from lea_payments.checkout.error_bodies import error_body, error_responses, validation_error_body
from lea_payments.checkout.errors import CREATE, LIST


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
