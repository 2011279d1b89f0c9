import pytest

from lea_payments.checkout.error_bodies import MAX_PROBLEMS, Error, error_body, error_responses, validation_error_body
from lea_payments.checkout.errors import CREATE, ERRORS, LIST


def test_all_invalid_fields_are_named_without_values() -> None:
    problems = [
        {"loc": ("body", "amount"), "type": "int_type", "msg": "Input should be a valid integer", "input": "secret"},
        {
            "loc": ("header", "Idempotency-Key"),
            "type": "string_too_long",
            "msg": "String should have at most 255 characters",
            "input": "secret",
        },
    ]

    error = validation_error_body(problems)["error"]

    assert (error["code"], error["param"]) == ("invalid_request", "amount")
    assert "amount: Input" in error["message"]
    assert "Idempotency-Key: String" in error["message"]
    assert "secret" not in str(error)


def test_a_problem_with_the_whole_body_names_the_body() -> None:
    error = validation_error_body([{"loc": ("body",), "type": "missing", "msg": "Field required"}])["error"]

    assert error["param"] == "body"


def test_the_number_and_length_of_named_fields_are_limited() -> None:
    problems = [{"loc": ("body", "x" * 9000), "type": "extra_forbidden", "msg": "Extra inputs"}] * 1000

    error = validation_error_body(problems)["error"]

    assert error["message"].count("there is no such field; remove it") == MAX_PROBLEMS
    assert len(error["message"]) < 2000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\ud800", "\\ud800"),
        ("a\x1bb", "a\\x1bb"),
        ("\u202e", "\\u202e"),
        ("größe", "größe"),
        ("x" * 65, "x" * 64 + "…"),
    ],
    ids=ascii,
)
def test_names_of_unknown_fields_can_be_shown(name: str, shown: str) -> None:
    assert (
        validation_error_body([{"loc": ("body", name), "type": "extra_forbidden", "msg": ""}])["error"]["param"]
        == shown
    )


def test_our_own_sentences_have_no_prefix() -> None:
    problem = {"loc": ("body", "currency"), "type": "value_error", "msg": "Value error, send a code such as sgd"}

    assert validation_error_body([problem])["error"]["message"].startswith("currency: send a code such as sgd.")


def test_an_error_without_param_has_no_param_field() -> None:
    assert error_body("try_again", "Repeat it.") == {"error": {"code": "try_again", "message": "Repeat it."}}


def test_codes_with_the_same_status_are_described_together() -> None:
    responses = error_responses(CREATE)

    examples = responses[502]["content"]["application/json"]["examples"]
    assert list(examples) == ["stripe_unreachable", "stripe_error", "stripe_refused"]


@pytest.mark.parametrize(("status", "required"), [(502, False), (503, True), (422, None)])
def test_retry_after_is_described_where_it_is_sent(status: int, required: object) -> None:
    headers = error_responses(CREATE)[status].get("headers", {})

    assert headers.get("Retry-After", {}).get("required") is required


def test_every_code_is_in_the_enumeration() -> None:
    assert Error.model_json_schema()["properties"]["code"]["enum"] == [*ERRORS]


def test_a_call_documents_only_its_own_errors() -> None:
    assert list(error_responses(LIST)) == [400, 401, 422, 500, 503]
