"""Who may call the API, how it refuses what is wrong, and that its description is true."""

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
from tests.support.checkout_calls import NEXT_TOKEN, SECRETS, STRIPE_KEY, TOKEN, asked, checkout_api


@pytest.fixture(scope="module")
def url(start_part: Callable[..., str]) -> str:
    return start_part("checkout", STRIPE_API_BASE=start_part("stripe-emulator"), **SECRETS)


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[httpx.Client]:
    with checkout_api(url) as client:
        yield client


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
def test_every_token_in_rotation_is_taken(url: str, token: str) -> None:
    with checkout_api(url, token) as api:
        assert api.get("/payments", params={"user_id": "nobody"}).status_code == 200


def test_a_token_is_rotated_without_a_refused_call(start_part: Callable[..., str]) -> None:
    def taken(tokens: str) -> list[bool]:
        url = start_part("checkout", STRIPE_SECRET_KEY=STRIPE_KEY, PAYMENTS_API_TOKEN=tokens)
        answers = [httpx.get(f"{url}/payments?user_id=nobody", headers=_bearer(one)) for one in (TOKEN, NEXT_TOKEN)]
        assert {answer.status_code for answer in answers} <= {200, 401}
        return [answer.status_code == 200 for answer in answers]

    assert taken(TOKEN) == [True, False]
    assert taken(f"{NEXT_TOKEN},{TOKEN}") == [True, True]
    assert taken(NEXT_TOKEN) == [False, True]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN},{NEXT_TOKEN}", "Bearer \xff"],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/p")])
def test_whoever_holds_no_token_learns_nothing_else(url: str, method: str, path: str, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]

    answer = httpx.request(method, url + path, headers=headers, content=b"{", trust_env=False)

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
def test_a_body_that_cannot_be_used_is_refused(
    api: httpx.Client, content: bytes, headers: dict[str, str], code: tuple[int, str]
) -> None:
    assert _code(api.post("/payments", content=content, headers=headers)) == code


def test_a_long_body_of_unknown_length_is_refused(api: httpx.Client) -> None:
    answer = api.post("/payments", content=iter([b"[" * 1000] * 17), headers=JSON)

    assert _code(answer) == (413, "too_large")


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"amount": "12000"}, "invalid_request", "amount"),
        ({"currency": "sgdd"}, "unknown_currency", "currency"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 1234, "currency": "kwd"}, "amount_precision", "amount"),
        ({"payment_intent_id": "has spaces"}, "invalid_request", "payment_intent_id"),
    ],
)
def test_a_wrong_field_is_named(api: httpx.Client, wrong: dict[str, Any], code: str, param: str) -> None:
    answer = api.post("/payments", json=asked(**wrong))

    assert _code(answer) == (422, code)
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize("key", ["", "k" * 256, "two words"])
def test_a_wrong_idempotency_key_is_named(api: httpx.Client, key: str) -> None:
    answer = api.post("/payments", json=asked(), headers={"Idempotency-Key": key})

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
def test_a_search_must_be_by_one_thing(api: httpx.Client, query: str) -> None:
    assert _code(api.get(f"/payments{query}")) == (422, "invalid_request")


def test_what_is_not_there_is_told_in_the_same_body(api: httpx.Client) -> None:
    assert _code(api.get("/payments/nobody")) == (404, "payment_not_found")
    assert _code(api.get("/payments/")) == (404, "not_found")


def test_a_method_that_is_not_there_names_those_that_are(api: httpx.Client) -> None:
    answer = api.delete("/payments")

    assert _code(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_no_page_fetches_anything_from_others(api: httpx.Client) -> None:
    assert api.get("/docs").status_code == 404
    assert api.get("/openapi.json").status_code == 200


def test_every_code_is_described(api: httpx.Client) -> None:
    described = api.get("/openapi.json").text

    assert not [code for code in ERRORS if f"`{code}`" not in described and ERRORS[code].status not in (404, 405)]


load_all_checks()


@pytest.fixture(scope="module")
def description(url: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/{payment_intent_id}")]
)
def test_whatever_is_sent_the_answer_is_as_described_and_never_a_fault(
    description: BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    """The rules of single currencies are not in the description, so data that fits it may still be refused.

    Of wrong data for a query not all survives a URL (an empty list is nothing there), so what is sent may be right.
    """
    excluded: list[CheckFunction] = [positive_data_acceptance]
    if method == "GET":
        excluded.append(negative_data_rejection)

    @given(case=description[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=excluded, timeout=30)

    holds()
