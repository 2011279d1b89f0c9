from typing import Any

import pytest

from lea_demo.checks import (
    DECLINED,
    DELAYED_FAILED,
    DELAYED_SUCCEEDED,
    PAID,
    Attempt,
    checks_of,
    expected_after,
    has_ended,
)

COMPLETED = "checkout.session.completed"
NO_FUNDS = Attempt(DECLINED, "card_declined:insufficient_funds")
GENERIC = Attempt(DECLINED, "card_declined:generic_decline")


def record(status: str, reason: str | None = None, *applied: str) -> dict[str, Any]:
    history = [{"event_type": name, "outcome": "applied"} for name in applied]
    return {"payment_intent_id": "p1", "payment_status": status, "status_reason": reason, "history": history}


@pytest.mark.parametrize(
    ("attempts", "status", "reason"),
    [
        ([], "completed", None),
        ([Attempt(PAID)], "completed", None),
        ([NO_FUNDS], "failed", "card_declined:insufficient_funds"),
        ([NO_FUNDS, GENERIC], "failed", "card_declined:insufficient_funds"),
        ([GENERIC, NO_FUNDS], "failed", "card_declined:insufficient_funds"),
        ([NO_FUNDS, Attempt(PAID)], "completed", None),
        ([Attempt(DELAYED_SUCCEEDED)], "completed", None),
        ([NO_FUNDS, Attempt(DELAYED_FAILED)], "failed", "async_payment_failed"),
    ],
)
def test_what_the_customer_did_says_how_the_payment_must_end(
    attempts: list[Attempt], status: str, reason: str | None
) -> None:
    expected = expected_after(attempts)

    assert (expected.status, expected.reason) == (status, reason)


@pytest.mark.parametrize(
    ("found", "ended"),
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
def test_waiting_ends_when_the_status_can_change_no_more(found: dict[str, Any], *, ended: bool) -> None:
    assert has_ended(found, expected_after([Attempt(PAID)])) is ended


def test_a_decline_is_the_end_when_it_is_what_was_asked_for() -> None:
    found = record("failed", NO_FUNDS.reason, "payment_intent.payment_failed")

    assert has_ended(found, expected_after([NO_FUNDS]))


def test_all_is_right_when_event_status_and_page_are() -> None:
    checks = checks_of(record("completed", None, COMPLETED), expected_after([]), "Payment received", "")

    assert [check.ok for check in checks] == [True, True, True]


def test_each_check_that_fails_says_what_to_do() -> None:
    checks = checks_of(record("pending"), expected_after([]), "Confirming your payment", "start `stripe listen`")

    assert [check.remedy for check in checks] == [
        "start `stripe listen`",
        "it is pending: its history shows which event was the last, see `lea-payments show p1`",
        "it says “Confirming your payment”: look at the pages' log",
    ]


def test_an_event_that_came_and_was_not_applied_does_not_count() -> None:
    found = record("completed") | {"history": [{"event_type": COMPLETED, "outcome": "review"}]}

    assert not checks_of(found, expected_after([]), "Payment received", "look")[0].ok
