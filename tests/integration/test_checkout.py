"""Creates and pays payments with the checkout API, the table, the emulator and the webhook."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from lea_payments.settings import TableSettings
from tests.support import tables
from tests.support.checkout_api import SECRETS, WEBHOOK_SECRET, checkout_client, payment_body, sessions_of
from tests.support.emulator import EmulatorClient
from tests.support.examples import examples
from tests.support.waiting import until

PutByHand = Callable[..., None]


@pytest.fixture(scope="module")
def stripe(start_service: Callable[..., str], free_port: Callable[[], int]) -> Iterator[httpx.Client]:
    port = str(free_port())
    url = start_service("stripe-emulator", EMULATOR_WEBHOOK_SECRET=WEBHOOK_SECRET, EMULATOR_WEBHOOK_URL=_hook(port))
    start_service("webhook", PORT=port, STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    with EmulatorClient(url) as emulator:
        yield emulator.http


@pytest.fixture(scope="module")
def api(start_service: Callable[..., str], stripe: httpx.Client) -> Iterator[httpx.Client]:
    url = start_service(
        "checkout", STRIPE_API_BASE=str(stripe.base_url), PAGES_BASE_URL="https://pay.example/", **SECRETS
    )
    with checkout_client(url) as client:
        yield client


def _hook(port: str) -> str:
    return f"http://127.0.0.1:{port}/webhook/stripe"


def _until(api: httpx.Client, payment_id: str, status: str) -> dict[str, Any]:
    def reached() -> dict[str, Any]:
        payment: dict[str, Any] = api.get(f"/payments/{payment_id}").json()
        assert payment["payment_status"] == status, payment
        return payment

    return until(reached, f"{payment_id} to become {status}")


def _expire(stripe: httpx.Client, session_id: str) -> None:
    stripe.post(f"/v1/checkout/sessions/{session_id}/expire").raise_for_status()


def test_a_new_payment_is_pending_and_has_a_link(api: httpx.Client, stripe: httpx.Client) -> None:
    answer = api.post("/payments", json=payment_body(payment_intent_id="payment_new"))

    payment, link = answer.json()["payment"], answer.json()["link"]
    session = stripe.get(f"/v1/checkout/sessions/{payment['stripe_session_id']}").json()
    assert (answer.status_code, payment["payment_intent_id"], payment["payment_status"]) == (
        201,
        "payment_new",
        "pending",
    )
    assert link["url"] == session["url"]
    assert (payment["version"], payment["refunds"], payment["disputes"], payment["fraud_warnings"]) == (2, [], [], [])
    assert (session["amount_total"], session["currency"]) == (12000, "sgd")


def test_stripe_receives_the_placeholder_unchanged(api: httpx.Client, stripe: httpx.Client) -> None:
    payment = api.post("/payments", json=payment_body()).json()["payment"]

    session = stripe.get(f"/v1/checkout/sessions/{payment['stripe_session_id']}").json()

    assert session["success_url"] == "https://pay.example/success?session_id={CHECKOUT_SESSION_ID}"
    assert session["cancel_url"] == "https://pay.example/cancel?session_id={CHECKOUT_SESSION_ID}"


def test_session_and_payment_intent_name_the_payment(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    stripe.post(f"/_pay/{session_id}", json={}).raise_for_status()

    session = stripe.get(f"/v1/checkout/sessions/{session_id}").json()
    intent = stripe.get(f"/v1/payment_intents/{session['payment_intent']}").json()

    assert session["client_reference_id"] == body["payment_intent_id"]
    assert session["metadata"]["payment_intent_id"] == body["payment_intent_id"]
    assert session["metadata"]["attempt"] == "1"
    assert intent["metadata"] == session["metadata"]


def test_a_repeated_call_returns_the_same_link(api: httpx.Client) -> None:
    body = payment_body()
    first = api.post("/payments", json=body)

    again = api.post("/payments", json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_one_idempotency_key_is_one_payment(api: httpx.Client) -> None:
    body, key = payment_body(payment_intent_id=None), {"Idempotency-Key": "order 1, first try".replace(" ", "_")}

    first, again = (api.post("/payments", json=body, headers=key).json() for _ in range(2))

    assert again == first


def test_without_id_and_key_each_call_is_a_payment(api: httpx.Client) -> None:
    body = payment_body(payment_intent_id=None)

    first, second = (api.post("/payments", json=body).json()["payment"]["payment_intent_id"] for _ in range(2))

    assert first != second


def test_concurrent_callers_create_one_session(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: api.post("/payments", json=body), range(8)))

    assert {answer.status_code for answer in answers} == {200, 201}
    assert len({answer.json()["link"]["url"] for answer in answers}) == 1
    assert len(sessions_of(stripe, body["payment_intent_id"])) == 1


@pytest.mark.parametrize(
    "other", [{"amount": 12001}, {"currency": "usd"}, {"user_id": "user_2"}, {"quote_id": "quote_2"}], ids=str
)
def test_the_id_of_another_payment_is_a_conflict(api: httpx.Client, other: dict[str, Any]) -> None:
    body = payment_body()
    api.post("/payments", json=body)
    before = api.get(f"/payments/{body['payment_intent_id']}").json()

    answer = api.post("/payments", json=body | other)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "payment_conflict")
    assert answer.json()["error"]["param"] == next(iter(other))
    assert api.get(f"/payments/{body['payment_intent_id']}").json() == before


def test_a_completed_payment_cannot_be_paid_again(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    stripe.post(f"/_pay/{session_id}", json={}).raise_for_status()
    payment = _until(api, body["payment_intent_id"], "completed")

    answer = api.post("/payments", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_completed")
    assert [line["event_type"] for line in payment["history"]] == ["checkout.session.completed"]


def test_a_delayed_payment_has_no_new_link(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    paid = {"method": "delayed", "outcome": "succeeded", "after_seconds": 3600}
    assert stripe.post(f"/_pay/{session_id}", json=paid).json()["merchant_answered"]

    answer = api.post("/payments", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "awaiting_funds")
    assert api.get(f"/payments/{body['payment_intent_id']}").json()["status_reason"] == "awaiting_funds"


def test_a_failed_delayed_payment_gets_a_new_link(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    stripe.post(f"/_pay/{session_id}", json={"method": "delayed", "outcome": "failed", "after_seconds": 3600})
    stripe.post(f"/_sessions/{session_id}/settle?result=failed").raise_for_status()
    _until(api, body["payment_intent_id"], "failed")

    again = api.post("/payments", json=body)

    assert (again.status_code, again.json()["payment"]["payment_status"]) == (201, "pending")
    assert again.json()["payment"]["stripe_session_id"] != session_id


def test_a_paid_session_waits_for_its_event(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    stripe.put("/_faults", json={"delay_seconds": 3600}).raise_for_status()
    stripe.post(f"/_pay/{session_id}", json={"wait": False}).raise_for_status()

    answer = api.post("/payments", json=body)
    stripe.delete("/_faults").raise_for_status()

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "awaiting_confirmation")


def test_a_declined_payment_keeps_its_link(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    first = api.post("/payments", json=body).json()
    stripe.post(f"/_pay/{first['payment']['stripe_session_id']}", json={"card": "4000000000009995"})
    _until(api, body["payment_intent_id"], "failed")

    again = api.post("/payments", json=body)

    assert (again.status_code, again.json()["link"]) == (200, first["link"])


def test_an_expired_payment_gets_a_new_link(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    first = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    _expire(stripe, first)
    _until(api, body["payment_intent_id"], "expired")

    again = api.post("/payments", json=body)

    payment = again.json()["payment"]
    assert (again.status_code, payment["payment_status"]) == (201, "pending")
    assert [one["status"] for one in sessions_of(stripe, body["payment_intent_id"])] == ["open", "expired"]
    assert payment["stripe_session_id"] != first


def test_concurrent_callers_after_an_expiry_share_one_session(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    _expire(stripe, api.post("/payments", json=body).json()["payment"]["stripe_session_id"])

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: api.post("/payments", json=body), range(8)))

    links = {answer.json()["link"]["url"] for answer in answers}
    assert links == {one["url"] for one in sessions_of(stripe, body["payment_intent_id"]) if one["status"] == "open"}
    assert len(links) == 1


def test_final_and_payable_follow_the_payment(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    payment_id, seen = body["payment_intent_id"], {}
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]
    seen["pending"] = _prospects(api.get(f"/payments/{payment_id}").json())
    stripe.post(f"/_pay/{session_id}", json={"card": "4000000000009995"})
    seen["failed"] = _prospects(_until(api, payment_id, "failed"))
    _expire(stripe, session_id)
    seen["expired"] = _prospects(_until(api, payment_id, "expired"))
    seen["new link"] = _prospects(api.post("/payments", json=body).json()["payment"])

    assert seen == {
        "pending": ("not final", "payable"),
        "failed": ("not final", "payable"),
        "expired": ("final", "not payable"),
        "new link": ("not final", "payable"),
    }


def _prospects(payment: dict[str, Any]) -> tuple[str, str]:
    return "final" if payment["final"] else "not final", "payable" if payment["payable"] else "not payable"


@pytest.mark.parametrize(("locale", "at_stripe"), [("ta", "auto"), ("zh-SG", "zh"), ("ms", "ms")])
def test_stripe_gets_a_language_that_it_has(
    api: httpx.Client, stripe: httpx.Client, locale: str, at_stripe: str
) -> None:
    payment = api.post("/payments", json=payment_body(locale=locale)).json()["payment"]

    session = stripe.get(f"/v1/checkout/sessions/{payment['stripe_session_id']}").json()

    assert (payment["locale"], session["locale"]) == (locale, at_stripe)


def test_a_call_with_other_words_is_answered_with_what_is_stored(api: httpx.Client) -> None:
    body = payment_body(locale="ta")
    first = api.post("/payments", json=body)

    again = api.post("/payments", json=body | {"product_name": "Other words", "locale": "ms"})

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.json()["payment"]["product_name"] == "Travel insurance"


def test_the_new_link_after_an_expiry_can_be_paid(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    _expire(stripe, api.post("/payments", json=body).json()["payment"]["stripe_session_id"])
    _until(api, body["payment_intent_id"], "expired")
    session_id = api.post("/payments", json=body).json()["payment"]["stripe_session_id"]

    stripe.post(f"/_pay/{session_id}", json={}).raise_for_status()

    assert _until(api, body["payment_intent_id"], "completed")["stripe_session_id"] == session_id


@pytest.fixture(scope="module")
def put_by_hand(table_settings: TableSettings) -> Iterator[PutByHand]:
    """Yield a function that writes the record of a payment's body, with more attributes."""
    client = tables.client(table_settings)

    def put(body: dict[str, Any], **attributes: Any) -> None:
        texts = {name: {"S": value} for name, value in body.items() if isinstance(value, str)}
        client.put_item(
            TableName=table_settings.table, Item={**texts, "amount": {"N": str(body["amount"])}, **attributes}
        )

    yield put
    client.close()


@pytest.mark.parametrize("status", ["pending", "failed", "expired"])
def test_a_record_written_by_hand_gets_a_link(api: httpx.Client, put_by_hand: PutByHand, status: str) -> None:
    body = payment_body(currency="SGD")
    put_by_hand(body, payment_status={"S": status})

    answer = api.post("/payments", json=body)

    payment = answer.json()["payment"]
    assert (answer.status_code, payment["payment_status"], payment["currency"]) == (201, "pending", "SGD")
    assert api.post("/payments", json=body).status_code == 200


def test_a_record_completed_by_hand_gets_no_link(api: httpx.Client, put_by_hand: PutByHand) -> None:
    body = payment_body()
    put_by_hand(body, payment_status={"S": "completed"})

    assert api.post("/payments", json=body).json()["error"]["code"] == "already_completed"


ODD_VALUES: dict[str, dict[str, Any]] = {
    "null": {"NULL": True},
    "text": {"S": "odd"},
    "digits": {"S": "7"},
    "empty text": {"S": ""},
    "fraction": {"N": "1.5"},
    "huge": {"N": "1E+100"},
    "map": {"M": {"S": {"S": "odd"}}},
    "list": {"L": [{"N": "1"}]},
    "truth": {"BOOL": True},
}
ODD_FIELDS = (
    *("version", "facts", "status_reason", "status_rank", "amount_refunded", "dispute_status", "history"),
    *("checkout_attempt", "checkout_attempt_at", "checkout_locale", "traceparent", "updated_at", "created_at"),
    *("payment_status", "webhook_processed_at"),
)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_a_record_with_values_of_any_type_gets_a_link(api: httpx.Client, put_by_hand: PutByHand, value: str) -> None:
    answers = {}
    step = examples(3, 1)
    for field in ODD_FIELDS[[*ODD_VALUES].index(value) % step :: step]:
        body = payment_body()
        put_by_hand(body, **{field: ODD_VALUES[value]})
        calls = [api.post("/payments", json=body), api.post("/payments", json=body)]
        answers[field] = [
            *(call.status_code for call in calls),
            api.get(f"/payments/{body['payment_intent_id']}").status_code,
        ]

    assert {field: statuses for field, statuses in answers.items() if statuses != [201, 200, 200]} == {}


def test_payments_are_found_by_user_quote_and_session(api: httpx.Client) -> None:
    quote, user = "quote_twice", "user_twice"
    first, second = (
        api.post("/payments", json=payment_body(quote_id=quote, user_id=user)).json()["payment"] for _ in "ab"
    )

    def ids(**by: str) -> list[str]:
        return [payment["payment_intent_id"] for payment in api.get("/payments", params=by).json()["payments"]]

    newest_first = [second["payment_intent_id"], first["payment_intent_id"]]
    assert ids(user_id=user) == ids(quote_id=quote) == newest_first
    assert ids(session_id=first["stripe_session_id"]) == [first["payment_intent_id"]]
    assert ids(user_id="nobody") == []


def test_a_list_has_the_same_fields_as_a_payment(api: httpx.Client, stripe: httpx.Client) -> None:
    """The index has only the published fields, and lags behind the table."""
    body = payment_body(user_id="user_of_lists", locale="ta")
    created = api.post("/payments", json=body).json()["payment"]
    stripe.post(f"/_pay/{created['stripe_session_id']}", json={}).raise_for_status()
    one = _until(api, body["payment_intent_id"], "completed")

    (listed,) = api.get("/payments", params={"user_id": "user_of_lists"}).json()["payments"]

    assert {**listed, "history": one["history"]} == one
    assert (listed["final"], listed["payable"], listed["locale"]) == (True, False, "ta")
