import pytest
from msgspec.structs import replace

from lea_payments.checkout.waiting.waiter import KNOWN_SECONDS, Waiter
from lea_payments.payment.record import Payment, Status

RECORD = Payment(payment_intent_id="p_1", version=2, status_rank=0, updated_at="2026-01-01T00:00:00.000Z")
CHANGES = {
    "a version": replace(RECORD, version=3),
    "a status that a person wrote": replace(RECORD, payment_status=Status.COMPLETED),
    "a rank that version 0.1.0 wrote": replace(RECORD, status_rank=1),
    "a time": replace(RECORD, updated_at="2026-01-01T00:00:01.000Z"),
}


@pytest.mark.parametrize(
    ("after", "record", "changed"),
    [
        (None, RECORD, False),
        (2, RECORD, False),
        (1, RECORD, True),
        (3, RECORD, True),
        (0, replace(RECORD, version=None), False),
        (0, replace(RECORD, version=-1), False),
        (1, replace(RECORD, version=None), True),
        (None, None, True),
        (2, None, True),
    ],
)
async def test_the_first_read_compares_the_version(after: int | None, record: Payment | None, *, changed: bool) -> None:
    waiter = Waiter("p_1", after)

    waiter.read(record, 0)

    assert (waiter.has_changed, waiter.ended.done(), waiter.record) == (changed, changed, record)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_is_read_and_ends_the_wait(change: Payment) -> None:
    waiter = Waiter("p_1", 2)
    waiter.read(RECORD, 0)

    assert (waiter.differs(RECORD, 1), waiter.differs(change, 1)) == (False, True)
    assert not waiter.has_changed
    waiter.read(change, 2)
    assert (waiter.has_changed, waiter.ended.done(), waiter.record) == (True, True, change)


async def test_a_payment_that_is_deleted_ends_the_wait() -> None:
    waiter = Waiter("p_1", 2)
    waiter.read(RECORD, 0)

    assert waiter.differs(None, 1)
    waiter.read(None, 1)
    assert (waiter.has_changed, waiter.record) == (True, None)


async def test_a_change_that_was_taken_back_is_none() -> None:
    waiter = Waiter("p_1", 2)
    waiter.read(RECORD, 0)
    waiter.differs(CHANGES["a version"], 1)

    waiter.read(RECORD, 2)

    assert not waiter.has_changed


async def test_a_look_before_the_first_read_says_nothing() -> None:
    waiter = Waiter("p_1", 1)

    assert not waiter.differs(RECORD, 100)
    assert not waiter.is_current(100)


async def test_a_record_is_current_for_a_while_after_a_look() -> None:
    waiter = Waiter("p_1", 2)
    waiter.read(RECORD, 0)
    waiter.differs(RECORD, 10)

    assert waiter.is_current(10 + KNOWN_SECONDS)
    assert not waiter.is_current(10.1 + KNOWN_SECONDS)


async def test_a_wait_can_end_twice() -> None:
    waiter = Waiter("p_1")
    waiter.end()

    waiter.read(None, 0)

    assert waiter.ended.done()
