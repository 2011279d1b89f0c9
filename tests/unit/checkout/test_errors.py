import pytest

from lea_payments.checkout.errors import ALWAYS, CREATE, ERRORS, GET, LIST, InFlightError, KeySpentError, RefusalError
from lea_payments.checkout.sessions import NOT_PAYABLE


@pytest.mark.parametrize("code", ERRORS)
def test_every_code_has_an_error_status_and_a_sentence(code: str) -> None:
    error = ERRORS[code]

    assert 400 <= error.status < 600
    assert error.when.endswith(".")


def test_every_429_and_503_says_when_to_repeat_the_call() -> None:
    assert {code for code, error in ERRORS.items() if error.retry_after == ALWAYS} == {
        code for code, error in ERRORS.items() if error.status in (429, 503)
    }


@pytest.mark.parametrize("call", [CREATE, GET, LIST])
def test_every_call_documents_the_general_errors(call: str) -> None:
    codes = {code for code, error in ERRORS.items() if call in error.calls}

    assert {"unauthorized", "invalid_request", "internal_error", "table_unavailable"} <= codes


@pytest.mark.parametrize(("code", "message"), NOT_PAYABLE.values(), ids=[code for code, _ in NOT_PAYABLE.values()])
def test_every_refusal_of_a_payment_is_documented(code: str, message: str) -> None:
    assert CREATE in ERRORS[code].calls
    assert message.endswith(".")


@pytest.mark.parametrize("kind", [RefusalError, KeySpentError, InFlightError])
def test_a_refusal_has_the_fields_of_its_answer(kind: type[RefusalError]) -> None:
    error = kind("try_again", "Repeat it.", param="amount", retry_after=2)

    assert (error.code, error.message, error.param, error.retry_after) == ("try_again", "Repeat it.", "amount", 2)
    assert str(error) == "Repeat it."
