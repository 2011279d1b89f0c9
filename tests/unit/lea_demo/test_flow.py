from typing import Any

import pytest

from lea_demo.flow import compare, expected_result, has_ended

COMPLETED, FAILED = "checkout.session.completed", "payment_intent.payment_failed"
ASYNC_SUCCEEDED, ASYNC_FAILED = "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"
ACCEPTED, NO_FUNDS, GENERIC = "", "card_declined:insufficient_funds", "card_declined:generic_decline"


def record(status: str, reason: str | None = None, *applied: str) -> dict[str, Any]:
    history = [{"event_type": name, "outcome": "applied"} for name in applied]
    return {"payment_intent_id": "p1", "payment_status": status, "status_reason": reason, "history": history}


@pytest.mark.parametrize(
    ("declines", "delayed", "status", "event"),
    [
        pytest.param([ACCEPTED], None, "completed", COMPLETED, id="paid"),
        pytest.param([NO_FUNDS], None, f"failed ({NO_FUNDS})", FAILED, id="declined"),
        pytest.param([NO_FUNDS, GENERIC], None, f"failed ({NO_FUNDS})", FAILED, id="greatest code first"),
        pytest.param([GENERIC, NO_FUNDS], None, f"failed ({NO_FUNDS})", FAILED, id="greatest code last"),
        pytest.param([NO_FUNDS, ACCEPTED], None, "completed", COMPLETED, id="declined, then paid"),
        pytest.param([], "succeeded", "completed", ASYNC_SUCCEEDED, id="delayed, paid"),
        pytest.param([NO_FUNDS], "failed", "failed (async_payment_failed)", ASYNC_FAILED, id="delayed, failed"),
    ],
)
def test_attempts_decide_how_the_payment_must_end(
    declines: list[str], delayed: str | None, status: str, event: str
) -> None:
    expected = expected_result(declines, delayed)

    assert (expected.status, expected.events) == (status, [event])


def test_a_person_can_pay_by_card_or_by_transfer() -> None:
    expected = expected_result([], None)

    assert (expected.status, expected.events) == ("completed", [COMPLETED, ASYNC_SUCCEEDED])


@pytest.mark.parametrize(
    ("payment", "ended"),
    [
        (record("completed", None, COMPLETED), True),
        (record("expired"), True),
        (record("failed", "async_payment_failed"), True),
        (record("pending", "amount_mismatch"), True),
        (record("pending"), False),
        (record("pending", "awaiting_funds", COMPLETED), False),
        (record("failed", "card_declined:insufficient_funds"), False),
    ],
)
def test_waiting_ends_when_the_status_is_final(payment: dict[str, Any], *, ended: bool) -> None:
    assert has_ended(payment, expected_result([ACCEPTED], None)) is ended


def test_an_expected_decline_ends_the_wait() -> None:
    payment = record("failed", NO_FUNDS, FAILED)

    assert has_ended(payment, expected_result([NO_FUNDS], None))


def test_all_checks_pass_if_event_status_and_page_are_right() -> None:
    checks = compare(record("completed", None, COMPLETED), expected_result([], None), "Payment received")

    assert [(check["ok"], check["remedy"]) for check in checks] == [(True, None)] * 3


def test_each_failed_check_says_what_to_do() -> None:
    checks = compare(record("pending"), expected_result([], None), "Confirming your payment")

    assert [check["remedy"] for check in checks] == [
        "pay at the link; with a Stripe sandbox, run `stripe listen`; read the webhook's log",
        "it is pending: `lea-payments show p1` lists its events",
        "it says “Confirming your payment”: read the pages' log",
    ]


def test_an_event_that_was_not_applied_does_not_count() -> None:
    payment = record("completed") | {"history": [{"event_type": COMPLETED, "outcome": "review"}]}

    assert not compare(payment, expected_result([], None), "Payment received")[0]["ok"]


def test_a_missing_event_is_reported() -> None:
    checks = compare(record("pending"), expected_result([ACCEPTED], None), "Confirming your payment")

    wrong = {check["name"]: check["remedy"] for check in checks if not check["ok"]}
    assert "read the webhook's log" in wrong[f"{COMPLETED} was applied"]
    assert "it is pending" in wrong["the payment is completed"]
