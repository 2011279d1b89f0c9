import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lea_payments.serving.responses import error_response, json_response


def _request(method: str = "GET") -> Request:
    scope = {"type": "http", "method": method, "path": "/a", "query_string": b"", "headers": [(b"host", b"api")]}
    return Request(scope)


def test_a_json_answer_has_its_status_type_and_headers() -> None:
    response = json_response(202, {"a": [1, None]}, {"Retry-After": "1"})

    assert (response.status_code, bytes(response.body)) == (202, b'{"a":[1,null]}')
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (HTTPException(404), "not_found", "There is nothing at /a."),
        (HTTPException(405, headers={"Allow": "POST"}), "method_not_allowed", "GET is not allowed here; use POST."),
        (HTTPException(405, headers={"allow": "POST"}), "method_not_allowed", "GET is not allowed here; use POST."),
        (HTTPException(418, "A teapot."), "http_error", "A teapot."),
    ],
    ids=["unknown path", "wrong method", "lower-case header", "any other"],
)
def test_an_http_error_says_what_to_do(error: HTTPException, code: str, message: str) -> None:
    response = error_response(_request(), error)

    assert response.status_code == error.status_code
    assert json.loads(bytes(response.body)) == {"error": {"code": code, "message": message}}


def test_an_http_error_keeps_its_headers() -> None:
    assert error_response(_request(), HTTPException(405, headers={"Allow": "POST"})).headers["Allow"] == "POST"
