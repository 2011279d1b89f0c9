import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.checkout.cancellation.cancellations import NOT_CANCELABLE, Cancellations
from lea_payments.checkout.errors import (
    InFlightError,
    KeySpentError,
    RefusalError,
    RejectedError,
    UnusableSessionError,
)
from lea_payments.checkout.sessions import RETRY_PAUSES, CheckoutSessions
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Fact, Facts, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.situations import RULES, CanPay, Situation
from lea_payments.payment.status import status_of
from tests.support.fake_checkout import NOW, PAYMENT, PENDING, FakeStripe, Table, once, session, switch_task

CANCELED = ("expired", "canceled")
UNREACHABLE = RefusalError("stripe_unreachable", "down")


def cancellations(table: Table, stripe: FakeStripe) -> Cancellations:
    return Cancellations(table, stripe, lambda: NOW)


async def opened(stripe: FakeStripe | None = None) -> tuple[Table, FakeStripe]:
    """A payment with an open session."""
    table, stripe = Table(), stripe or FakeStripe()
    await CheckoutSessions(table, stripe, lambda: NOW).open_for(PAYMENT)
    return table, stripe


async def refused(table: Table, stripe: FakeStripe) -> RefusalError:
    with pytest.raises(RefusalError) as error:
        await cancellations(table, stripe).cancel("payment_1")
    return error.value


def published(table: Table) -> tuple[str, str | None]:
    return table.current.payment_status.value, table.current.status_reason


def statuses(stripe: FakeStripe) -> list[str]:
    return [one.status for one in stripe.sessions.values()]


async def test_the_session_is_expired_before_the_record_is_marked() -> None:
    table, stripe = await opened()
    before = table.current
    records: list[Payment] = []

    async def note_record() -> None:
        await switch_task()
        records.append(table.current)

    stripe.before_expire = note_record
    canceled = await cancellations(table, stripe).cancel("payment_1")

    assert records == [before]
    assert (canceled, statuses(stripe)) == (table.current, ["expired"])
    assert (published(table), table.current.canceled_at) == (CANCELED, "2026-01-01T00:00:00.000Z")


async def test_a_repeated_call_changes_nothing() -> None:
    table, stripe = await opened()
    first = await cancellations(table, stripe).cancel("payment_1")

    again = await cancellations(table, stripe).cancel("payment_1")

    assert again is first is table.current


async def test_a_repeated_call_closes_a_link_of_0_1_0() -> None:
    """That version does not know the mark: during an update, one of its pods has made a new link."""
    table, stripe = await opened()
    await cancellations(table, stripe).cancel("payment_1")
    started = replace(table.current, checkout_attempt=2, payment_status=Status.PENDING, status_rank=0)
    table.record = replace(started, stripe_session_id=(await stripe.create(started)).id)

    await cancellations(table, stripe).cancel("payment_1")

    assert statuses(stripe) == ["expired", "expired"]


async def test_a_paid_link_of_0_1_0_wins_over_the_mark() -> None:
    canceled = replace(PENDING, canceled_at="2026-01-01T00:00:00.000Z", stripe_session_id="cs_1")
    paid = replace(canceled, payment_status=Status.COMPLETED, status_rank=50)

    refusal = await refused(Table(replace(paid, facts=with_evidence(paid))), FakeStripe())

    assert refusal.code == "already_completed"


async def test_concurrent_calls_cancel_once() -> None:
    table, stripe = await opened()

    results = await asyncio.gather(*[cancellations(table, stripe).cancel("payment_1") for _ in range(8)])

    assert {one.version for one in results} == {table.current.version}
    assert (published(table), statuses(stripe)) == (CANCELED, ["expired"])


async def test_an_unknown_payment_is_not_found() -> None:
    assert (await refused(Table(), FakeStripe())).code == "payment_not_found"


MONEY: dict[str, Facts] = {
    "awaiting_funds": {"cs_1": session("unpaid")},
    "in_review": {"cs_1": session("paid", amount=1)},
    "already_completed": {"cs_1": session("paid")},
}


@pytest.mark.parametrize("code", MONEY)
async def test_money_known_or_on_its_way_refuses(code: str) -> None:
    table, stripe = Table(replace(PENDING, facts=MONEY[code])), FakeStripe()
    before = table.current

    assert (await refused(table, stripe)).code == code
    assert table.current is before


def test_every_situation_with_money_has_a_refusal() -> None:
    unpayable = {situation for situation, rule in RULES.items() if rule.can_pay is CanPay.NO}

    assert set(NOT_CANCELABLE) == unpayable - {Situation.CANCELED}


NOT_PAID: dict[str, tuple[str, Fact]] = {
    "expired": ("cs_1", session("expired")),
    "delayed payment failed": ("cs_1", session("failed")),
    "declined": ("pi_1", Fact(kind=Kind.INTENT, state="declined", attempt=1, code="card_declined")),
}


@pytest.mark.parametrize(("object_id", "fact"), NOT_PAID.values(), ids=NOT_PAID)
async def test_a_payment_without_money_can_be_canceled(object_id: str, fact: Fact) -> None:
    table, stripe = await opened()
    table.learn(object_id, fact)

    await cancellations(table, stripe).cancel("payment_1")

    assert published(table) == CANCELED


async def test_a_session_that_ended_is_not_expired_again() -> None:
    table, stripe = await opened()
    stripe.end("expired")
    table.learn("cs_1", session("expired"))
    stripe.before_expire = once(UNREACHABLE)

    await cancellations(table, stripe).cancel("payment_1")

    assert published(table) == CANCELED


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.EXPIRED])
async def test_a_status_by_hand_does_not_hide_an_open_session(status: Status) -> None:
    _, stripe = await opened()
    by_hand = replace(PAYMENT, payment_status=status, stripe_session_id="cs_1")
    table = Table(replace(by_hand, facts=with_evidence(by_hand)))

    await cancellations(table, stripe).cancel("payment_1")

    assert (published(table), statuses(stripe)) == (CANCELED, ["expired"])


async def test_a_failed_session_of_0_1_0_is_complete_and_no_payment() -> None:
    table, stripe = await opened()
    stripe.end("complete")
    without_money = Fact(kind=Kind.SESSION, state="failed", attempt=1)
    table.learn("cs_1", without_money)

    await cancellations(table, stripe).cancel("payment_1")

    assert published(table) == CANCELED


async def test_a_former_session_without_a_reported_end_is_expired() -> None:
    table, stripe = await opened()
    former = table.current.stripe_session_id
    await table.change_checkout(table.current, checkout_attempt=2, stripe_session_id=None, other_session_id=former)
    await CheckoutSessions(table, stripe, lambda: NOW).open_for(PAYMENT)

    await cancellations(table, stripe).cancel("payment_1")

    assert statuses(stripe) == ["expired", "expired"]


async def test_a_complete_session_wins_before_its_event() -> None:
    table, stripe = await opened()
    stripe.end("complete")
    before = table.current

    assert (await refused(table, stripe)).code == "awaiting_confirmation"
    assert table.current is before


async def test_a_complete_session_wins_after_its_event() -> None:
    """The event arrives while Stripe refuses to expire the session."""
    table, stripe = await opened()
    stripe.end("complete")

    async def pay() -> None:
        await switch_task()
        table.learn("cs_1", session("paid"))

    stripe.before_expire = pay

    assert (await refused(table, stripe)).code == "already_completed"


async def test_an_expired_event_during_the_call_is_no_problem() -> None:
    table, stripe = await opened()

    async def report() -> None:
        await switch_task()
        table.learn("cs_1", session("expired"))

    stripe.before_expire = report
    await cancellations(table, stripe).cancel("payment_1")

    assert (table.current.facts["cs_1"].state, published(table)) == ("expired", CANCELED)


@pytest.mark.parametrize("error", [UNREACHABLE, RejectedError("stripe_refused", "no")], ids=lambda error: error.code)
async def test_a_failed_call_changes_nothing_and_can_be_repeated(error: RefusalError) -> None:
    table, stripe = await opened()
    before, stripe.before_expire = table.current, once(error)

    assert (await refused(table, stripe)).code == error.code
    assert table.current is before
    await cancellations(table, stripe).cancel("payment_1")
    assert published(table) == CANCELED


async def test_an_attempt_without_a_known_session_gets_none() -> None:
    """The response to its creation was lost. The session is found by the attempt's idempotency key."""
    stripe = FakeStripe()
    created = await stripe.create(PENDING)
    table = Table(PENDING)

    await cancellations(table, stripe).cancel("payment_1")

    assert (published(table), table.current.stripe_session_id) == (CANCELED, created.id)
    assert statuses(stripe) == ["expired"]


async def test_an_attempt_that_never_reached_stripe_is_closed() -> None:
    """Its creation can still be in flight: then it gets the session that this call has created and expired."""
    table, stripe = Table(PENDING), FakeStripe()

    await cancellations(table, stripe).cancel("payment_1")

    assert (await stripe.create(PENDING)).status == "expired"


@pytest.mark.parametrize("kind", [KeySpentError, UnusableSessionError, RejectedError])
async def test_an_attempt_that_stripe_rejects_has_no_link(kind: Callable[..., RefusalError]) -> None:
    table, stripe = Table(PENDING), FakeStripe(once(kind("stripe_refused", "no")))

    await cancellations(table, stripe).cancel("payment_1")

    assert (published(table), stripe.sessions) == (CANCELED, {})


async def test_an_attempt_of_yesterday_has_no_open_session() -> None:
    started = (NOW - timedelta(hours=23)).isoformat()
    table, stripe = Table(replace(PENDING, checkout_attempt_at=started)), FakeStripe()

    await cancellations(table, stripe).cancel("payment_1")

    assert (published(table), stripe.sessions) == (CANCELED, {})


async def test_a_creation_in_flight_is_waited_for() -> None:
    table, stripe = Table(PENDING), FakeStripe(once(InFlightError("try_again", "in use")))

    await cancellations(table, stripe).cancel("payment_1")

    assert (published(table), statuses(stripe)) == (CANCELED, ["expired"])


async def test_endless_conflicts_end_with_retry_after() -> None:
    calls = 0

    async def busy() -> None:
        nonlocal calls
        calls += 1
        await switch_task()
        raise InFlightError("try_again", "in use")

    refusal = await refused(Table(PENDING), FakeStripe(busy))

    assert (refusal.code, refusal.retry_after, calls) == ("try_again", 1, len(RETRY_PAUSES))


async def test_a_canceled_payment_gets_no_link() -> None:
    table, stripe = await opened()
    await cancellations(table, stripe).cancel("payment_1")

    with pytest.raises(RefusalError) as error:
        await CheckoutSessions(table, stripe, lambda: NOW).open_for(PAYMENT)

    assert (error.value.code, len(stripe.sessions)) == ("payment_canceled", 1)


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_creation_that_loses_expires_its_session(attempts: int) -> None:
    """The mark comes while Stripe creates the session, and the canceling call does not find it by the key."""
    table, stripe = Table(replace(PENDING, checkout_attempt=attempts)), FakeStripe()

    async def cancel() -> None:
        await switch_task()
        await table.change_checkout(table.current, canceled_at="2026-01-01T00:00:00.000Z")
        stripe.before_create = switch_task

    stripe.before_create = cancel
    with pytest.raises(RefusalError) as error:
        await CheckoutSessions(table, stripe, lambda: NOW).open_for(PAYMENT)

    assert (error.value.code, statuses(stripe)) == ("payment_canceled", ["expired"])


async def test_a_creation_that_loses_to_a_payment_expires_its_session() -> None:
    """A decline comes first, and the payment while the creation is repeated."""
    table, stripe = Table(PENDING), FakeStripe()
    facts = iter([NOT_PAID["declined"], ("cs_0", session("paid"))])

    async def report() -> None:
        await switch_task()
        table.learn(*next(facts))

    stripe.before_create = report
    with pytest.raises(RefusalError) as error:
        await CheckoutSessions(table, stripe, lambda: NOW).open_for(PAYMENT)

    assert (error.value.code, statuses(stripe)) == ("already_completed", ["expired"])


async def test_a_cancellation_that_did_not_finish_leaves_no_dead_link() -> None:
    """It has expired the attempt's session, and then the process ended: the next call gets another session."""
    stripe = FakeStripe()
    await stripe.create(PENDING)
    stripe.end("expired")

    checkout = await CheckoutSessions(Table(PENDING), stripe, lambda: NOW).open_for(PAYMENT)

    assert (checkout.session.status, checkout.payment.checkout_attempt) == ("open", 2)


async def test_a_paid_session_of_a_lost_creation_awaits_its_event() -> None:
    stripe = FakeStripe()
    await stripe.create(PENDING)
    stripe.end("complete")

    with pytest.raises(RefusalError) as error:
        await CheckoutSessions(Table(PENDING), stripe, lambda: NOW).open_for(PAYMENT)

    assert error.value.code == "awaiting_confirmation"


async def test_calls_that_create_and_cancel_at_once_leave_no_link() -> None:
    """Whatever the order in which the calls come to their turn, the last call cancels what is there."""
    for turns in range(12):
        table, stripe = await opened()
        table.learn("cs_1", session("expired"))
        stripe.end("expired")
        checkouts = CheckoutSessions(table, stripe, lambda: NOW)

        async def cancel_later(turns: int = turns, table: Table = table, stripe: FakeStripe = stripe) -> Any:
            for _ in range(turns):
                await switch_task()
            return await cancellations(table, stripe).cancel("payment_1")

        await asyncio.gather(checkouts.open_for(PAYMENT), cancel_later(), return_exceptions=True)

        assert (published(table), "open" in statuses(stripe)) == (CANCELED, False), turns


@pytest.mark.parametrize("code", MONEY)
def test_money_outweighs_the_mark(code: str) -> None:
    record = replace(PENDING, canceled_at="2026-01-01T00:00:00.000Z", facts=MONEY[code])

    assert status_of(record) == status_of(replace(record, canceled_at=None))
