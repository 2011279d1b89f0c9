from collections.abc import AsyncIterator, Sequence

import pytest

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.reconciler.payable import GRACE_SECONDS, PayableSession, payable_sessions

NOW = 1767225600.0
"""2026-01-01T00:00:00Z."""


class Account:
    """Lists these open sessions, one on each page; each belongs to the payment with the same number."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.since = 0

    async def open_sessions(self, since: int) -> AsyncIterator[Sequence[PaymentEvent]]:
        self.since = since
        for number in self.numbers:
            fact = Fact(kind=Kind.SESSION, state="open")
            payment_ids = (f"payment_{number}",)
            yield [
                PaymentEvent(id="", type="", created=0, object_id=f"cs_{number}", fact=fact, payment_ids=payment_ids)
            ]


class Records:
    """Finds these payments by their ids."""

    def __init__(self, *records: Payment) -> None:
        self.records = {record.payment_intent_id: record for record in records}

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        return self.records.get(event.payment_ids[0])


def canceled(number: int, at: str | None) -> Payment:
    return Payment(payment_intent_id=f"payment_{number}", canceled_at=at)


@pytest.mark.parametrize(
    ("at", "is_reported"),
    [
        (None, False),
        ("2025-12-31T23:58:59.999Z", True),
        ("2025-12-31T23:59:30.000Z", False),
        ("2026-01-01T00:00:01.000Z", False),
        ("by a person", True),
    ],
)
async def test_only_sessions_canceled_before_are_payable(at: str | None, *, is_reported: bool) -> None:
    found = await payable_sessions(Account(1), Records(canceled(1, at)), NOW)

    assert found == ([PayableSession("payment_1", "cs_1")] if is_reported else [])


async def test_all_pages_of_the_last_day_are_read() -> None:
    account, old = Account(1, 2, 3), "2025-12-31T00:00:00.000Z"

    found = await payable_sessions(account, Records(canceled(1, old), canceled(3, old)), NOW)

    assert [session.session_id for session in found] == ["cs_1", "cs_3"]
    assert account.since == NOW - 25 * 3600
    assert GRACE_SECONDS < 300  # the next run must report it
