import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, get_args

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stripe.params.checkout import SessionCreateParams

from lea_payments.checkout.errors import (
    ERRORS,
    InFlightError,
    KeySpentError,
    RefusalError,
    RejectedError,
    UnusableSessionError,
)
from lea_payments.checkout.stripe_calls import StripeCheckout, refusal_of
from lea_payments.payment.record import Payment, Status
from lea_payments.stripe.checkout_sessions import CheckoutSession, StripeLocale, idempotency_key, params_of
from tests.support import odd_json
from tests.support.examples import examples

KEY = "sk_test_51Secret"
RECORD = Payment(
    payment_intent_id="payment_1",
    user_id="somebody",
    quote_id="quote_1",
    amount=12000,
    currency="sgd",
    product_name="Travel insurance",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    checkout_attempt=2,
    checkout_attempt_at="2026-01-01T00:00:00.000Z",
)


def _error(kind: Any, *arguments: Any, **options: Any) -> Any:
    """An error of Stripe's package whose constructor has no types."""
    return kind(*arguments, **options)


class FakeHttp(stripe.HTTPClient):
    """Answers every request of Stripe's client with one response, and keeps the requests."""

    name = "fake"

    def __init__(self, status: int, body: object, headers: Mapping[str, str] = {"request-id": "req_1"}) -> None:
        super().__init__()
        self._response = (json.dumps(body), status, headers)
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []

    def request(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Any:
        self.requests.append((method, url, headers))
        return self._response

    def close(self) -> None:
        """Does nothing: there is no connection."""


class ScriptedHttp(FakeHttp):
    """Answers each request with the next one of these responses: status, body and headers."""

    def __init__(self, *responses: tuple[int, object, Mapping[str, str]]) -> None:
        super().__init__(200, {})
        self._responses = [(json.dumps(body), status, headers) for status, body, headers in responses]

    def request(self, method: str, url: str, headers: Any, *_: Any, **__: Any) -> Any:
        super().request(method, url, headers)
        return self._responses.pop(0)


def _checkout(http: FakeHttp) -> StripeCheckout:
    client = stripe.StripeClient(
        KEY, base_addresses={"api": "https://stripe.example"}, http_client=http, max_network_retries=0
    )
    return StripeCheckout(client, "https://pay.example")


SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "url": "https://stripe.example/cs_1",
    "expires_at": 1767308400,
}


async def test_a_session_is_created_with_the_attempts_key() -> None:
    http = FakeHttp(200, SESSION)

    session = await _checkout(http).create(RECORD)

    ((method, url, headers),) = http.requests
    assert session == CheckoutSession("cs_1", "open", "https://stripe.example/cs_1", 1767308400)
    assert (method, url) == ("post", "https://stripe.example/v1/checkout/sessions")
    assert headers["Idempotency-Key"] == "checkout-payment_1-2"


async def test_a_session_is_read_by_its_id() -> None:
    http = FakeHttp(200, SESSION)

    session = await _checkout(http).find("cs_1")

    assert session is not None
    assert session.status == "open"
    assert [url for _, url, _ in http.requests] == ["https://stripe.example/v1/checkout/sessions/cs_1"]


REPLAYED = {"Idempotent-Replayed": "true"}
EXPIRED = {**SESSION, "status": "expired", "url": None}
NOT_OPEN = {"error": {"type": "invalid_request_error", "message": "Only open sessions can be expired."}}


@pytest.mark.parametrize(("now", "status"), [(SESSION, "open"), (EXPIRED, "expired")])
async def test_a_repeated_creation_finds_the_session_as_it_is(now: object, status: str) -> None:
    """Stripe repeats its first response, in which the session is open."""
    http = ScriptedHttp((200, SESSION, REPLAYED), (200, now, {}))

    session = await _checkout(http).create(RECORD)

    assert (session.status, [method for method, _, _ in http.requests]) == (status, ["post", "get"])


async def test_an_open_session_is_expired_in_one_call() -> None:
    http = ScriptedHttp((200, EXPIRED, {}))

    session = await _checkout(http).expire("cs_1")

    ((method, url, _),) = http.requests
    assert (session and session.status, method) == ("expired", "post")
    assert url == "https://stripe.example/v1/checkout/sessions/cs_1/expire"


@pytest.mark.parametrize("status", ["expired", "complete"])
async def test_a_session_that_is_not_open_is_read(status: str) -> None:
    http = ScriptedHttp((400, NOT_OPEN, {}), (200, {**EXPIRED, "status": status}, {}))

    session = await _checkout(http).expire("cs_1")

    assert session is not None
    assert session.status == status


async def test_an_open_session_that_stripe_does_not_expire_is_refused() -> None:
    with pytest.raises(RejectedError) as error:
        await _checkout(ScriptedHttp((400, NOT_OPEN, {}), (200, SESSION, {}))).expire("cs_1")

    assert error.value.code == "stripe_refused"


MISSING = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}}


@pytest.mark.parametrize("first", [(400, NOT_OPEN, {}), (404, MISSING, {})], ids=["not open", "missing"])
async def test_a_session_that_is_missing_cannot_be_expired(first: tuple[int, object, Mapping[str, str]]) -> None:
    assert await _checkout(ScriptedHttp(first, (404, MISSING, {}))).expire("cs_1") is None


async def test_a_session_that_stripe_does_not_have_is_none() -> None:
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}

    assert await _checkout(FakeHttp(404, {"error": error})).find("cs_1") is None


async def test_a_failed_call_raises_its_refusal() -> None:
    with pytest.raises(RefusalError) as error:
        await _checkout(FakeHttp(500, {"error": {"message": "oops"}})).find("cs_1")

    assert error.value.code == "stripe_error"


def test_the_placeholder_is_sent_unescaped() -> None:
    params = params_of(RECORD, "https://pay.example/")

    assert params["success_url"] == "https://pay.example/success?session_id={CHECKOUT_SESSION_ID}"


def test_session_and_payment_intent_name_the_payment() -> None:
    """Stripe does not copy the session's metadata to the PaymentIntent."""
    params = params_of(RECORD, "https://pay.example")

    assert params["client_reference_id"] == "payment_1"
    assert params["metadata"] == {
        "payment_intent_id": "payment_1",
        "attempt": "2",
        "traceparent": RECORD.traceparent,
    }
    assert params["payment_intent_data"]["metadata"] == params["metadata"]


def test_the_link_expires_23_hours_after_its_attempt() -> None:
    assert params_of(RECORD, "https://pay.example")["expires_at"] == 1767225600 + 23 * 3600


def test_user_and_quote_are_not_sent_to_stripe() -> None:
    params = repr(params_of(RECORD, "https://pay.example"))

    assert "somebody" not in params
    assert "quote_1" not in params


def test_events_do_not_change_the_request() -> None:
    """Stripe accepts only one request per idempotency key."""
    later = replace(RECORD, payment_status=Status.FAILED, status_rank=10, status_reason="declined", updated_at="later")

    assert params_of(later, "https://pay.example") == params_of(RECORD, "https://pay.example")
    assert idempotency_key(later) == idempotency_key(RECORD)


def test_each_attempt_has_its_own_idempotency_key() -> None:
    assert idempotency_key(RECORD) != idempotency_key(replace(RECORD, checkout_attempt=3))


def test_the_languages_match_the_stripe_package() -> None:
    supported = re.findall(r"'([\w-]+)'", str(SessionCreateParams.__annotations__["locale"]))

    assert set(get_args(StripeLocale)) == set(supported)


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (_error(stripe.APIConnectionError, "no route"), "stripe_unreachable", RefusalError),
        (stripe.APIError("oops", http_status=500), "stripe_error", RefusalError),
        (stripe.APIError("<html>", http_status=200), "stripe_error", RefusalError),
        (
            stripe.APIError("oops", http_status=500, headers={"Idempotent-Replayed": "true"}),
            "stripe_error",
            KeySpentError,
        ),
        (stripe.IdempotencyError("other parameters", http_status=400), "stripe_refused", KeySpentError),
        (_error(stripe.APIConnectionError, "reset", http_status=500), "stripe_unreachable", RefusalError),
        (stripe.APIError("in use", http_status=409), "try_again", InFlightError),
        (stripe.RateLimitError("slow down", http_status=429), "stripe_busy", RefusalError),
        (stripe.AuthenticationError(f"Invalid API Key: {KEY}", http_status=401), "stripe_refused", RefusalError),
        (stripe.PermissionError(f"{KEY} may not", http_status=403), "stripe_refused", RefusalError),
        (_error(stripe.InvalidRequestError, f"bad, {KEY}", "locale", http_status=400), "stripe_refused", RejectedError),
        (
            _error(stripe.InvalidRequestError, "too small", "amount", "amount_too_small", http_status=400),
            "amount_too_small",
            RejectedError,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_of_stripe_has_a_code_and_hides_the_key(
    error: stripe.StripeError, code: str, kind: type[RefusalError]
) -> None:
    refusal = refusal_of(error)

    assert (refusal.code, type(refusal)) == (code, kind)
    assert code in ERRORS
    assert "51Secret" not in refusal.message


def test_a_missing_session_is_an_error_of_its_own() -> None:
    error = _error(stripe.InvalidRequestError, "no such session", "id", "resource_missing", http_status=404)

    refusal = refusal_of(error)

    assert refusal.code == "stripe_refused"
    assert type(refusal) is not RefusalError


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (stripe.APIError("in use", http_status=409), 1),
        (stripe.RateLimitError("slow down", http_status=429), 2),
        (_error(stripe.RateLimitError, "slow down", http_status=429, headers={"Retry-After": "7"}), 7),
        (_error(stripe.RateLimitError, "slow down", http_status=429, headers={"retry-after": "9" * 4999}), 60),
        (_error(stripe.RateLimitError, "slow down", http_status=429, headers={"retry-after": "0"}), 1),
        (_error(stripe.RateLimitError, "slow down", http_status=429, headers={"retry-after": "\u0665"}), 2),
        (_error(stripe.RateLimitError, "slow down", http_status=429, headers={"retry-after": "Fri, 1 Jan"}), 2),
        (stripe.APIError("oops", http_status=500), None),
        (stripe.APIError("oops", http_status=503, headers={"Retry-After": "7"}), 7),
        (stripe.APIError("oops", http_status=503, headers={"Retry-After": "Fri, 1 Jan"}), None),
    ],
    ids=[
        *("in flight", "rate limit", "7 s", "too long", "0 s", "other digits", "date", "server error"),
        *("server error with 7 s", "server error with a date"),
    ],
)
def test_only_temporary_refusals_have_retry_after(error: stripe.StripeError, seconds: int | None) -> None:
    assert refusal_of(error).retry_after == seconds


def test_an_amount_error_names_the_amount() -> None:
    error = _error(stripe.InvalidRequestError, "Too small.", "amount", "amount_too_small", http_status=400)

    refusal = refusal_of(error)

    assert (refusal.param, refusal.message) == ("amount", "Too small. Start a new payment with another amount.")


@pytest.mark.parametrize("status", [200, 400, 401, 404])
@pytest.mark.parametrize(
    "body", [None, [], "text", 7, {}, {"error": []}, {"error": {"message": {"email": "a@b.example"}}}]
)
async def test_a_body_of_stripe_is_never_repeated(status: int, body: object) -> None:
    with pytest.raises(RefusalError) as error:
        await _checkout(FakeHttp(status, body)).create(RECORD)

    assert error.value.code in ("stripe_error", "stripe_refused")
    assert "b.example" not in error.value.message


@pytest.mark.parametrize(
    "fields",
    [{"url": ""}, {"url": "javascript:alert(1)"}, {"url": None}, {"status": "expired"}, {"expires_at": None}],
    ids=str,
)
async def test_a_new_session_without_a_link_is_unusable(fields: dict[str, object]) -> None:
    with pytest.raises(UnusableSessionError) as error:
        await _checkout(FakeHttp(200, SESSION | fields)).create(RECORD)

    assert error.value.code == "stripe_error"


async def test_another_session_than_the_requested_one_is_an_error() -> None:
    with pytest.raises(RefusalError) as error:
        await _checkout(FakeHttp(200, SESSION)).find("cs_2")

    assert (error.value.code, type(error.value)) == ("stripe_error", RefusalError)


HEADERS = st.sampled_from([{}, {"Idempotent-Replayed": "true"}, {"retry-after": "x"}])
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 402, 403, 404, 409, 429, 500, 503])


async def _result(call: str, http: FakeHttp) -> CheckoutSession | RefusalError | None:
    checkout = _checkout(http)
    try:
        return await (checkout.create(RECORD) if call == "create" else checkout.find("cs_1"))
    except RefusalError as refusal:
        return refusal


@pytest.mark.parametrize("call", ["create", "find"])
def test_any_response_is_a_session_or_a_refusal(call: str) -> None:
    @given(STATUSES, odd_json.RESPONSES, HEADERS)
    @settings(max_examples=examples(30, 300), deadline=None)
    def check(status: int, body: object, headers: Mapping[str, str]) -> None:
        result = asyncio.run(_result(call, FakeHttp(status, body, headers)))

        if isinstance(result, CheckoutSession):
            assert result.url.startswith("https://") == (result.status == "open")
            assert result.status == "open" or call == "find"
        elif isinstance(result, RefusalError):
            assert result.code in ERRORS
        else:
            assert call == "find"

    check()
