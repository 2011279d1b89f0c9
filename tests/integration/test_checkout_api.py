"""Checks the authentication, the errors and the OpenAPI description of the checkout API."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction, load_all_checks
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from lea_payments.checkout.errors import ERRORS
from lea_payments.serving.http import closing
from tests.support import plain_http
from tests.support.checkout_api import NEXT_TOKEN, SECRETS, STRIPE_KEY, TOKEN, checkout_client, payment_body
from tests.support.examples import examples


@pytest.fixture(scope="module")
def url(start_service: Callable[..., str]) -> str:
    return start_service("checkout", STRIPE_API_BASE=start_service("stripe-emulator"), **SECRETS)


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[httpx.Client]:
    with checkout_client(url) as client:
        yield client


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
def test_every_configured_token_is_accepted(url: str, token: str) -> None:
    with checkout_client(url, token) as api:
        assert api.get("/payments", params={"user_id": "nobody"}).status_code == 200


def test_a_token_is_rotated_without_a_rejected_call(start_service: Callable[..., str]) -> None:
    def accepted(tokens: str) -> list[bool]:
        url = start_service("checkout", STRIPE_SECRET_KEY=STRIPE_KEY, PAYMENTS_API_TOKEN=tokens)
        answers = [
            plain_http.get(f"{url}/payments?user_id=nobody", headers=_bearer(one)) for one in (TOKEN, NEXT_TOKEN)
        ]
        assert {answer.status_code for answer in answers} <= {200, 401}
        return [answer.status_code == 200 for answer in answers]

    assert accepted(TOKEN) == [True, False]
    assert accepted(f"{NEXT_TOKEN},{TOKEN}") == [True, True]
    assert accepted(NEXT_TOKEN) == [False, True]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN},{NEXT_TOKEN}", "Bearer \xff"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/p"), ("POST", "/payments/p/cancel")],
)
def test_a_call_without_a_token_is_a_401(url: str, method: str, path: str, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]

    answer = plain_http.request(method, url + path, headers=headers, content=b"{")

    assert _code(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"{", JSON, (400, "invalid_json")),
        (b'{"user_id": "\xff"}', JSON, (400, "invalid_json")),
        (b"[" * 16000, JSON, (400, "invalid_json")),
        (b"9" * 16000, JSON, (400, "invalid_json")),
        (b"x" * 16385, JSON, (413, "too_large")),
        (b"{}", {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
        (b"{}", {}, (415, "unsupported_media_type")),
        (b"", JSON, (422, "invalid_request")),
        (b"[]", JSON, (422, "invalid_request")),
        (b"{}", JSON, (422, "invalid_request")),
        (b'{"user_id": "\\ud800"}', JSON, (422, "invalid_request")),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_invalid_body_is_rejected(
    api: httpx.Client, content: bytes, headers: dict[str, str], code: tuple[int, str]
) -> None:
    assert _code(api.post("/payments", content=content, headers=headers)) == code


def test_a_long_body_of_unknown_length_is_rejected(api: httpx.Client) -> None:
    answer = api.post("/payments", content=iter([b"[" * 1000] * 17), headers=JSON)

    assert _code(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"amount": "12000"}, "invalid_request", "amount"),
        ({"currency": "sgdd"}, "unknown_currency", "currency"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 1234, "currency": "kwd"}, "amount_precision", "amount"),
        ({"payment_intent_id": "has spaces"}, "invalid_request", "payment_intent_id"),
    ],
)
def test_an_invalid_field_is_named(api: httpx.Client, fields: dict[str, Any], code: str, param: str) -> None:
    answer = api.post("/payments", json=payment_body(**fields))

    assert _code(answer) == (422, code)
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("key", ["", "k" * 256, "two words"])
def test_an_invalid_idempotency_key_is_named(api: httpx.Client, key: str) -> None:
    answer = api.post("/payments", json=payment_body(), headers={"Idempotency-Key": key})

    assert _code(answer) == (422, "invalid_request")
    assert answer.json()["error"]["param"] == "Idempotency-Key"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?user_id=a&quote_id=b",
        "?user_id=",
        "?quote_id=a&user=b",
        "?quote_id=a&=",
        "?quote_id=a&quote_id=b",
        f"?user_id={'u' * 257}",
    ],
)
def test_a_search_takes_exactly_one_parameter(api: httpx.Client, query: str) -> None:
    assert _code(api.get(f"/payments{query}")) == (422, "invalid_request")


def test_a_404_has_the_same_body(api: httpx.Client) -> None:
    assert _code(api.get("/payments/nobody")) == (404, "payment_not_found")
    assert _code(api.get("/payments/")) == (404, "not_found")


def test_a_405_names_the_allowed_methods(api: httpx.Client) -> None:
    answer = api.delete("/payments")

    assert _code(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_there_is_a_description_but_no_docs_page(api: httpx.Client) -> None:
    assert api.get("/docs").status_code == 404
    assert api.get("/openapi.json").status_code == 200


def test_every_code_is_in_the_description(api: httpx.Client) -> None:
    openapi = api.get("/openapi.json").text

    assert not [code for code in ERRORS if f"`{code}`" not in openapi and ERRORS[code].status not in (404, 405)]


load_all_checks()


@pytest.fixture(scope="module")
def description(url: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/{payment_intent_id}")]
)
def test_every_answer_matches_the_description(
    description: BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    """The description has no rules of single currencies, so the API can reject data that matches it.

    In a URL some invalid queries look valid (an empty list disappears), so the API can accept them.
    """
    excluded: list[CheckFunction] = [positive_data_acceptance]
    if method == "GET":
        excluded.append(negative_data_rejection)

    @given(case=description[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=examples(12, 60), deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: Case[Any]) -> None:
        response = case.call(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        if response.text != closing.MESSAGES[400]:  # what is not HTTP, such as an invalid header, reaches no route
            case.validate_response(response, excluded_checks=excluded)

    check()
