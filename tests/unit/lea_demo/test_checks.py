from typing import Any

import pytest

from lea_demo.checks import (
    DECLINED,
    DELAYED_FAILED,
    DELAYED_SUCCEEDED,
    PAID,
    Attempt,
    compare,
    expected_after,
    has_ended,
)

COMPLETED = "checkout.session.completed"
NO_FUNDS = Attempt(DECLINED, "card_declined:insufficient_funds")
GENERIC = Attempt(DECLINED, "card_declined:generic_decline")


def record(status: str, reason: str | None = None, *event_types: str) -> dict[str, Any]:
    history = [{"event_type": name, "outcome": "applied"} for name in event_types]
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
def test_the_attempts_decide_the_expected_status(attempts: list[Attempt], status: str, reason: str | None) -> None:
    expected = expected_after(attempts)

    assert (expected.status, expected.reason) == (status, reason)


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
    assert has_ended(payment, expected_after([Attempt(PAID)])) is ended


def test_an_expected_decline_ends_the_wait() -> None:
    payment = record("failed", NO_FUNDS.reason, "payment_intent.payment_failed")

    assert has_ended(payment, expected_after([NO_FUNDS]))


def test_all_checks_pass_if_event_status_and_page_are_right() -> None:
    checks = compare(record("completed", None, COMPLETED), expected_after([]), "Payment received", "")

    assert [check.ok for check in checks] == [True, True, True]


def test_each_failed_check_says_what_to_do() -> None:
    checks = compare(record("pending"), expected_after([]), "Confirming your payment", "http://localhost:8087")

    no_event, status, page = (check.remedy for check in checks)
    assert no_event.startswith("pay at the link; if it is paid, see http://localhost:8087/_deliveries and the webhook")
    assert "`stripe listen`" in no_event
    assert [status, page] == [
        "it is pending: `lea-payments show p1` lists its events",
        "it says “Confirming your payment”: read the pages' log",
    ]


def test_an_event_that_was_not_applied_does_not_count() -> None:
    payment = record("completed") | {"history": [{"event_type": COMPLETED, "outcome": "review"}]}

    assert not compare(payment, expected_after([]), "Payment received", "")[0].ok
