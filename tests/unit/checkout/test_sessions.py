import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.checkout.errors import InFlightError, KeySpentError, RefusalError
from lea_payments.checkout.sessions import SETTLED, CheckoutSessions
from lea_payments.payment.record import Payment, Status
from lea_payments.store.errors import ConflictError
from lea_payments.stripe.checkout_sessions import CheckoutSession, idempotency_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = Payment(
    payment_intent_id="payment_1",
    user_id="user_1",
    quote_id="quote_1",
    amount=12000,
    currency="sgd",
    product_name="Travel insurance",
)
PENDING = replace(ASKED, checkout_attempt=1, checkout_attempt_at="2025-12-31T20:00:00.000Z")


async def _nothing() -> None:
    await asyncio.sleep(0)


class Table:
    """One payment, changed as the real table changes it."""

    def __init__(self, record: Payment | None = None) -> None:
        self.record = record

    async def create(self, new: Payment) -> Payment:
        await _nothing()
        if self.record is None:
            self.record = new
        return self.record

    async def change_checkout(self, record: Payment, **fields: Any) -> Payment:
        await _nothing()
        if self.record != record:
            raise ConflictError
        self.record = replace(record, **fields)
        return self.record

    @property
    def now(self) -> Payment:
        assert self.record
        return self.record


class FakeStripe:
    """Sessions by their idempotency key; `before_create` may raise, or let something happen in between."""

    def __init__(self, before_create: Callable[[], Awaitable[None]] = _nothing) -> None:
        self.sessions: dict[str, CheckoutSession] = {}
        self.before_create = before_create

    async def create(self, record: Payment) -> CheckoutSession:
        await self.before_create()
        number = len(self.sessions) + 1
        new = CheckoutSession(f"cs_{number}", "open", f"https://pay.example/{number}", 1767300000)
        return self.sessions.setdefault(idempotency_key(record), new)

    async def find(self, session_id: str) -> CheckoutSession | None:
        await _nothing()
        return next((one for one in self.sessions.values() if one.id == session_id), None)

    def end(self, status: str) -> None:
        self.sessions = {key: dataclasses.replace(one, status=status, url=None) for key, one in self.sessions.items()}


def once(error: Exception) -> Callable[[], Awaitable[None]]:
    errors = [error]

    async def fail_once() -> None:
        await _nothing()
        if errors:
            raise errors.pop()

    return fail_once


def sessions(table: Table, stripe: FakeStripe) -> CheckoutSessions:
    return CheckoutSessions(table, stripe, lambda: NOW)


async def test_the_payment_is_on_record_before_stripe_hears_of_it() -> None:
    table = Table()
    seen: list[Payment | None] = []

    async def look() -> None:
        await _nothing()
        seen.append(table.record)

    opened = await sessions(table, FakeStripe(look)).open_for(ASKED)

    assert seen == [replace(ASKED, checkout_attempt=1, checkout_attempt_at="2026-01-01T00:00:00.000Z")]
    assert (opened.reused, table.now.stripe_session_id) == (False, "cs_1")


async def test_the_same_call_again_finds_the_open_session() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(ASKED)

    again = await sessions(table, stripe).open_for(replace(ASKED, currency="SGD", product_name="In other words"))

    assert (again.reused, again.session.id, len(stripe.sessions)) == (True, "cs_1", 1)


async def test_eight_callers_at_once_share_one_session() -> None:
    table, stripe = Table(), FakeStripe()

    opened = await asyncio.gather(*[sessions(table, stripe).open_for(ASKED) for _ in range(8)])

    assert {one.session.id for one in opened} == {"cs_1"}
    assert [one.reused for one in opened].count(False) == 1


async def test_eight_callers_at_once_share_the_session_after_an_expired_one() -> None:
    """Stripe takes longer than the others wait for the record to settle."""
    table, stripe = Table(), FakeStripe(lambda: asyncio.sleep(0.2))
    await sessions(table, stripe).open_for(ASKED)
    stripe.end("expired")

    opened = await asyncio.gather(*[sessions(table, stripe).open_for(ASKED) for _ in range(8)])

    assert {one.session.id for one in opened} == {"cs_2"}
    assert table.now.checkout_attempt == 2


async def test_stripe_in_trouble_leaves_a_pending_record_that_the_next_call_finishes() -> None:
    table, stripe = Table(), FakeStripe(once(RefusalError("stripe_error", "down")))
    with pytest.raises(RefusalError, match="down"):
        await sessions(table, stripe).open_for(ASKED)
    waiting = table.now

    opened = await sessions(table, stripe).open_for(ASKED)

    assert (waiting.payment_status, waiting.stripe_session_id) == (Status.PENDING, None)
    assert (opened.payment.checkout_attempt, opened.session.id) == (1, "cs_1")


@pytest.mark.parametrize("rank", SETTLED)
async def test_a_settled_payment_gets_no_other_session(rank: int) -> None:
    table, stripe = Table(replace(PENDING, status_rank=rank)), FakeStripe()

    with pytest.raises(RefusalError) as refused:
        await sessions(table, stripe).open_for(ASKED)

    assert refused.value.code == SETTLED[rank][0]
    assert not stripe.sessions


async def test_a_session_that_the_customer_finished_waits_for_its_event() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(ASKED)
    stripe.end("complete")

    with pytest.raises(RefusalError) as refused:
        await sessions(table, stripe).open_for(ASKED)

    assert refused.value.code == "awaiting_confirmation"


@pytest.mark.parametrize(
    "ended",
    [
        {"payment_status": Status.EXPIRED, "status_rank": 20},
        {"payment_status": Status.FAILED, "status_rank": 40, "status_reason": "async_payment_failed"},
    ],
    ids=["expired", "delayed payment failed"],
)
async def test_a_payment_that_may_still_be_paid_begins_anew(ended: dict[str, Any]) -> None:
    stripe = FakeStripe()
    table = Table()
    await sessions(table, stripe).open_for(ASKED)
    table.record = replace(table.now, session_closed=True, **ended)
    stripe.end("complete")

    opened = await sessions(table, stripe).open_for(ASKED)

    assert opened.session.id == table.now.stripe_session_id == "cs_2"
    assert (table.now.payment_status, table.now.status_rank, table.now.status_reason) == (Status.PENDING, 0, None)
    assert (table.now.checkout_attempt, table.now.session_closed, opened.reused) == (2, False, False)


async def test_a_session_that_expired_without_its_event_yet_is_replaced_and_remembered() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(ASKED)
    stripe.end("expired")

    assert (await sessions(table, stripe).open_for(ASKED)).session.id == "cs_2"
    assert table.now.checkout_former_session == "cs_1"


async def test_a_session_that_stripe_does_not_know_is_replaced() -> None:
    table = Table(replace(PENDING, stripe_session_id="cs_of_another_account"))

    opened = await sessions(table, FakeStripe()).open_for(ASKED)

    assert (opened.session.id, opened.payment.checkout_attempt) == ("cs_1", 2)


async def test_after_a_decline_the_same_session_takes_another_card() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(ASKED)
    table.record = replace(table.now, payment_status=Status.FAILED, status_rank=10, status_reason="card_declined")

    opened = await sessions(table, stripe).open_for(ASKED)

    assert (opened.reused, opened.payment.payment_status) == (True, Status.FAILED)


async def test_an_event_that_comes_while_the_session_is_made_wins() -> None:
    table = Table()

    async def pay() -> None:
        await _nothing()
        table.record = replace(table.now, payment_status=Status.COMPLETED, status_rank=50)

    with pytest.raises(RefusalError) as refused:
        await sessions(table, FakeStripe(pay)).open_for(ASKED)

    assert refused.value.code == "already_completed"
    assert table.now.payment_status is Status.COMPLETED


@pytest.mark.parametrize(
    "other", [{"user_id": "user_2"}, {"quote_id": "quote_2"}, {"amount": 12001}, {"currency": "usd"}], ids=str
)
async def test_the_id_of_another_payment_is_refused_and_nothing_changes(other: dict[str, Any]) -> None:
    table = Table(PENDING)

    with pytest.raises(RefusalError) as refused:
        await sessions(table, FakeStripe()).open_for(replace(ASKED, **other))

    assert (refused.value.code, refused.value.param) == ("payment_conflict", next(iter(other)))
    assert table.record == PENDING


async def test_a_key_that_stripe_remembers_an_error_for_is_left_behind() -> None:
    table, stripe = Table(), FakeStripe(once(KeySpentError("stripe_error", "replayed")))

    opened = await sessions(table, stripe).open_for(ASKED)

    assert (opened.payment.checkout_attempt, list(stripe.sessions)) == (2, ["checkout-payment_1-2"])


async def test_a_call_that_stripe_is_still_at_work_on_is_waited_for() -> None:
    stripe = FakeStripe(once(InFlightError("try_again", "in use")))

    assert (await sessions(Table(), stripe).open_for(ASKED)).payment.checkout_attempt == 1


@pytest.mark.parametrize(("age", "attempt"), [(timedelta(hours=21), 1), (timedelta(hours=23), 2)])
async def test_an_attempt_without_a_session_goes_on_while_stripe_would_take_it(age: timedelta, attempt: int) -> None:
    began = (NOW - age).isoformat()

    opened = await sessions(Table(replace(PENDING, checkout_attempt_at=began)), FakeStripe()).open_for(ASKED)

    assert opened.payment.checkout_attempt == attempt


async def test_a_record_that_its_caller_put_by_hand_gets_a_session() -> None:
    table = Table(replace(ASKED, product_name=None, currency="SGD"))

    opened = await sessions(table, FakeStripe()).open_for(replace(ASKED, checkout_locale="en"))

    assert (opened.payment.product_name, opened.payment.checkout_locale) == ("Travel insurance", "en")
    assert (opened.payment.checkout_attempt, opened.session.id) == (1, "cs_1")


async def test_callers_that_never_stop_disturbing_each_other_are_told_to_come_back() -> None:
    async def busy() -> None:
        await _nothing()
        raise InFlightError("try_again", "in use")

    with pytest.raises(RefusalError) as refused:
        await sessions(Table(), FakeStripe(busy)).open_for(ASKED)

    assert (refused.value.code, refused.value.retry_after) == ("try_again", 1)
