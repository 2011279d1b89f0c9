"""Sends the controls values outside their closed sets."""

import pytest

from tests.support.emulator import EmulatorClient

CASES: list[tuple[str, str, list[object], str]] = [
    ("/_pay/{session}", "method", ["cash", "", "Card", "paynow", None, ["card"]], "card or delayed"),
    ("/_pay/{session}", "outcome", ["maybe", "", None, {}], "succeeded or failed"),
    ("/_pay/{session}", "card", [None, ["x"]], "a text or a number"),
    ("/_pay/{session}", "cvc", [None, ["x"]], "a text or a number"),
    ("/_pay/{session}", "after_seconds", [None, ["x"]], "a text or a number"),
    ("/_pay/{session}", "wait", ["perhaps", None], "true or false"),
    ("/_authenticate/{waiting}", "result", ["maybe", "", None], "succeeded or failed"),
    ("/_disputes", "reason", ["bad luck", "", 1], "one of bank_cannot_process, check_returned, "),
    ("/_disputes", "status", ["settled", ""], "one of warning_needs_response, warning_under_review, "),
    ("/_disputes", "inquiry", ["yes", 1], "true or false"),
    ("/_disputes/{dispute}/status", "status", ["settled", "", None], "one of warning_needs_response, "),
    ("/_early_fraud_warnings", "fraud_type", ["rumour", ""], "one of card_never_received, "),
    ("/_refunds/{refund}/fail", "reason", ["bad luck", ""], "one of charge_for_pending_refund_disputed, "),
    ("/_events/{event}/copy", "livemode", ["yes", 1], "true or false"),
]
BODIES = [(path, field, value, text) for path, field, values, text in CASES for value in values]
QUERIES = [
    (path, field, query, text)
    for path, field, text in (
        ("/_sessions/{delayed}/settle", "result", "succeeded or failed"),
        ("/_disputes/{dispute}/close", "status", "won or lost"),
    )
    for query in ("", f"?{field}=", f"?{field}=maybe")
]


@pytest.fixture(scope="module")
def ids(unheard: EmulatorClient) -> dict[str, str]:
    """The ids of objects that the controls can change."""
    emulator = unheard
    waiting, delayed = emulator.checkout().id, emulator.checkout().id
    emulator.pay(waiting, card="4000000000003220").raise_for_status()
    emulator.pay(delayed, method="delayed", after_seconds=3600).raise_for_status()
    intent, refunded = [emulator.pay(emulator.checkout().id).json()["payment_intent"] for _ in range(2)]
    return {
        "session": emulator.checkout().id,
        "waiting": waiting,
        "delayed": delayed,
        "intent": intent,
        "dispute": emulator.control("/_disputes", payment_intent=intent, amount=1000)["id"],
        "refund": emulator.stripe.v1.refunds.create({"payment_intent": refunded})["id"],
        "event": emulator.events()[0]["id"],
    }


@pytest.mark.parametrize(("path", "field", "value", "text"), BODIES)
def test_a_body_with_another_value_changes_nothing(
    unheard: EmulatorClient, ids: dict[str, str], path: str, field: str, value: object, text: str
) -> None:
    needs_intent = path in ("/_disputes", "/_early_fraud_warnings")
    body = {field: value} | ({"payment_intent": ids["intent"]} if needs_intent else {})

    _check_refused(unheard, path.format(**ids), body, field, text)


@pytest.mark.parametrize(("path", "field", "query", "text"), QUERIES)
def test_a_query_without_a_known_value_changes_nothing(
    unheard: EmulatorClient, ids: dict[str, str], path: str, field: str, query: str, text: str
) -> None:
    _check_refused(unheard, path.format(**ids) + query, None, field, text)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"payment_intent": "\\ud800"}', id="surrogate"),
        pytest.param('{"card": "\\udfff"}', id="surrogate of a card"),
        pytest.param('{"amount": ' + "9" * 5000 + "}", id="digits"),
        pytest.param("[" * 100_000, id="levels"),
        pytest.param("[]", id="list"),
        pytest.param("no", id="text"),
    ],
)
@pytest.mark.parametrize("path", ["/_pay/{session}", "/_disputes", "/_advance", "/_early_fraud_warnings"])
def test_a_body_that_cannot_be_read_is_refused(
    unheard: EmulatorClient, ids: dict[str, str], path: str, body: str
) -> None:
    answer = unheard.http.post(path.format(**ids), content=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (422, "invalid_request_error", "body")
    assert "The body" in error["message"]
    assert "sys." not in error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"cvc": "12"}, "cvc"),
        ({"expiry": "13/99"}, "exp_month"),
        ({"email": "tan"}, "email"),
        ({"method": "delayed", "after_seconds": "86401"}, "after_seconds"),
    ],
)
def test_what_a_customer_types_wrong_is_no_decline(
    unheard: EmulatorClient, ids: dict[str, str], body: dict[str, str], param: str
) -> None:
    answer = unheard.pay(ids["session"], **body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (402, param)
    assert "decline_code" not in answer.json()["error"]


def test_the_pay_page_refuses_an_unknown_method(unheard: EmulatorClient, ids: dict[str, str]) -> None:
    before = unheard.events()

    answer = unheard.http.post(f"/c/pay/{ids['session']}", data={"method": "cash", "cardnumber": "4242424242424242"})

    assert (answer.status_code, "The method must be card or delayed." in answer.text) == (402, True)
    assert unheard.events() == before


def _check_refused(emulator: EmulatorClient, path: str, body: object, field: str, text: str) -> None:
    before = emulator.events()
    answer = emulator.http.post(path, json=body) if body else emulator.http.post(path)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", field)
    assert error["message"].startswith(f"{field} must be {text}")
    assert emulator.events() == before


@pytest.fixture(scope="module")
def unheard(_shared: EmulatorClient) -> EmulatorClient:
    """An emulator whose events nobody receives."""
    _shared.http.post("/_reset").raise_for_status()
    return _shared
