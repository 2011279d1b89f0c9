import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.checkout.errors import InFlightError, KeySpentError, RefusalError, UnusableSessionError
from lea_payments.checkout.sessions import NOT_PAYABLE, RETRY_PAUSES, CheckoutSessions
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Fact, Facts, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.situations import RULES, CanPay
from tests.support.fake_checkout import NOW, PAYMENT, PENDING, FakeStripe, Table, once, session, switch_task


def sessions(table: Table, stripe: FakeStripe) -> CheckoutSessions:
    return CheckoutSessions(table, stripe, lambda: NOW)


async def test_the_record_is_stored_before_stripe_is_called() -> None:
    table = Table()
    records: list[Payment | None] = []

    async def note_record() -> None:
        await switch_task()
        records.append(table.record)

    checkout = await sessions(table, FakeStripe(note_record)).open_for(PAYMENT)

    assert records == [replace(PAYMENT, checkout_attempt=1, checkout_attempt_at="2026-01-01T00:00:00.000Z")]
    assert (checkout.reused, table.current.stripe_session_id) == (False, "cs_1")


async def test_a_repeated_call_reuses_the_open_session() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)

    again = await sessions(table, stripe).open_for(replace(PAYMENT, currency="SGD", product_name="Another name"))

    assert (again.reused, again.session.id, len(stripe.sessions)) == (True, "cs_1", 1)


async def test_concurrent_callers_share_one_session() -> None:
    table, stripe = Table(), FakeStripe()

    checkouts = await asyncio.gather(*[sessions(table, stripe).open_for(PAYMENT) for _ in range(8)])

    assert {one.session.id for one in checkouts} == {"cs_1"}
    assert [one.reused for one in checkouts].count(False) == 1


async def test_concurrent_callers_share_the_session_after_an_expiry() -> None:
    """Stripe takes longer than the first retries of the other callers."""
    table, stripe = Table(), FakeStripe(lambda: asyncio.sleep(0.2))
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("expired")

    checkouts = await asyncio.gather(*[sessions(table, stripe).open_for(PAYMENT) for _ in range(8)])

    assert {one.session.id for one in checkouts} == {"cs_2"}
    assert table.current.checkout_attempt == 2


async def test_the_next_call_completes_a_failed_creation() -> None:
    table, stripe = Table(), FakeStripe(once(RefusalError("stripe_error", "down")))
    with pytest.raises(RefusalError, match="down"):
        await sessions(table, stripe).open_for(PAYMENT)
    record = table.current

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (record.payment_status, record.stripe_session_id) == (Status.PENDING, None)
    assert (checkout.payment.checkout_attempt, checkout.session.id) == (1, "cs_1")


NOT_PAYABLE_FACTS: dict[str, Facts] = {
    "awaiting_funds": {"cs_1": session("unpaid")},
    "in_review": {"cs_1": session("paid", amount=1)},
    "already_completed": {"cs_1": session("paid")},
}


@pytest.mark.parametrize("code", NOT_PAYABLE_FACTS)
async def test_a_payment_that_is_not_payable_gets_no_session(code: str) -> None:
    table, stripe = Table(replace(PENDING, facts=NOT_PAYABLE_FACTS[code])), FakeStripe()

    with pytest.raises(RefusalError) as error:
        await sessions(table, stripe).open_for(PAYMENT)

    assert error.value.code == code
    assert not stripe.sessions


def test_every_situation_without_a_payment_has_a_refusal() -> None:
    assert set(NOT_PAYABLE) == {situation for situation, rule in RULES.items() if rule.can_pay is CanPay.NO}


async def test_a_payment_that_was_paid_twice_is_completed() -> None:
    paid_twice = {"cs_1": session("paid"), "cs_2": session("paid", intent="pi_2")}

    with pytest.raises(RefusalError) as error:
        await sessions(Table(replace(PENDING, facts=paid_twice)), FakeStripe()).open_for(PAYMENT)

    assert error.value.code == "already_completed"


@pytest.mark.parametrize("state", ["unpaid", "of_tomorrow"])
@pytest.mark.parametrize(
    ("session_id", "attempt"), [("cs_1", 1), ("cs_recovered", 1), ("cs_of_no_attempt", None)], ids=str
)
async def test_money_on_its_way_in_any_session_blocks_a_link(session_id: str, attempt: int | None, state: str) -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("expired")
    await sessions(table, stripe).open_for(PAYMENT)
    table.learn(session_id, session(state, attempt))

    with pytest.raises(RefusalError) as error:
        await sessions(table, stripe).open_for(PAYMENT)

    assert (error.value.code, len(stripe.sessions)) == ("awaiting_funds", 2)


FORMER_FACTS = {
    "expired": ("cs_1", Fact(kind=Kind.SESSION, state="expired", attempt=1)),
    "delayed payment failed": ("cs_1", Fact(kind=Kind.SESSION, state="failed", attempt=1)),
    "declined": ("pi_1", Fact(kind=Kind.INTENT, state="declined", attempt=1, code="card_declined")),
}


@pytest.mark.parametrize(("object_id", "fact"), FORMER_FACTS.values(), ids=FORMER_FACTS)
async def test_a_former_attempt_does_not_touch_the_current_one(object_id: str, fact: Fact) -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("expired")
    second = await sessions(table, stripe).open_for(PAYMENT)
    table.learn(object_id, fact)

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (checkout.session, checkout.reused) == (second.session, True)
    assert (table.current.payment_status, table.current.status_reason) == (Status.PENDING, None)


async def test_a_completed_session_waits_for_its_event() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("complete")

    with pytest.raises(RefusalError) as error:
        await sessions(table, stripe).open_for(PAYMENT)

    assert error.value.code == "awaiting_confirmation"


@pytest.mark.parametrize(("state", "status"), [("expired", Status.EXPIRED), ("failed", Status.FAILED)])
async def test_a_failed_or_expired_payment_starts_a_new_attempt(state: str, status: Status) -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    table.learn("cs_1", session(state))
    before = table.current.payment_status
    stripe.end("complete")

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (before, table.current.payment_status, table.current.status_reason) == (status, Status.PENDING, None)
    assert checkout.session.id == table.current.stripe_session_id == "cs_2"
    assert (table.current.checkout_attempt, table.current.other_session_id, checkout.reused) == (2, "cs_1", False)


async def test_an_expired_session_is_replaced_before_its_event() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("expired")

    assert (await sessions(table, stripe).open_for(PAYMENT)).session.id == "cs_2"
    assert table.current.other_session_id == "cs_1"


async def test_a_session_that_stripe_does_not_have_is_replaced() -> None:
    table = Table(replace(PENDING, stripe_session_id="cs_of_another_account"))

    checkout = await sessions(table, FakeStripe()).open_for(PAYMENT)

    assert (checkout.session.id, checkout.payment.checkout_attempt) == ("cs_1", 2)


async def test_a_declined_payment_keeps_its_session() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    table.learn("pi_1", Fact(kind=Kind.INTENT, state="declined", attempt=1, code="card_declined"))

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (checkout.reused, checkout.payment.payment_status) == (True, Status.FAILED)


async def test_an_event_during_the_creation_of_a_session_wins() -> None:
    table = Table()

    async def pay() -> None:
        await switch_task()
        table.learn("cs_1", session("paid"))

    with pytest.raises(RefusalError) as error:
        await sessions(table, FakeStripe(pay)).open_for(PAYMENT)

    assert error.value.code == "already_completed"
    assert table.current.payment_status is Status.COMPLETED


@pytest.mark.parametrize(("object_id", "fact"), FORMER_FACTS.values(), ids=FORMER_FACTS)
async def test_a_late_event_does_not_cost_a_second_session(object_id: str, fact: Fact) -> None:
    """It arrives while Stripe creates the session of the next attempt: the repeated call finds the same session."""
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(PAYMENT)
    stripe.end("expired")

    async def late_event() -> None:
        await switch_task()
        table.learn(object_id, fact)
        stripe.before_create = switch_task

    stripe.before_create = late_event
    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert list(stripe.sessions) == ["checkout-payment_1-1", "checkout-payment_1-2"]
    assert checkout.session.id == table.current.stripe_session_id == "cs_2"
    assert (table.current.payment_status, table.current.checkout_attempt) == (Status.PENDING, 2)
    assert object_id in table.current.facts


@pytest.mark.parametrize(
    "other", [{"user_id": "user_2"}, {"quote_id": "quote_2"}, {"amount": 12001}, {"currency": "usd"}], ids=str
)
async def test_the_id_of_another_payment_is_refused(other: dict[str, Any]) -> None:
    table = Table(PENDING)

    with pytest.raises(RefusalError) as error:
        await sessions(table, FakeStripe()).open_for(replace(PAYMENT, **other))

    assert (error.value.code, error.value.param) == ("payment_conflict", next(iter(other)))
    assert table.record == PENDING


async def test_a_key_with_a_stored_error_starts_the_next_attempt() -> None:
    table, stripe = Table(), FakeStripe(once(KeySpentError("stripe_error", "replayed")))

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (checkout.payment.checkout_attempt, list(stripe.sessions)) == (2, ["checkout-payment_1-2"])


UNUSABLE = UnusableSessionError("stripe_error", "no link")


async def test_after_a_session_without_a_link_comes_a_new_attempt() -> None:
    table, stripe = Table(), FakeStripe(once(UNUSABLE))
    with pytest.raises(UnusableSessionError):
        await sessions(table, stripe).open_for(PAYMENT)
    between = table.current

    checkout = await sessions(table, stripe).open_for(PAYMENT)

    assert (between.payment_status, between.stripe_session_id, between.checkout_attempt) == (Status.PENDING, None, 2)
    assert (checkout.payment.checkout_attempt, list(stripe.sessions)) == (2, ["checkout-payment_1-2"])


async def test_each_session_without_a_link_spends_one_attempt() -> None:
    table, stripe = Table(), FakeStripe(once(KeySpentError("stripe_error", "replayed")))
    with_stored_error = stripe.before_create

    async def fail() -> None:
        await with_stored_error()
        raise UNUSABLE

    stripe.before_create = fail
    for attempt in (3, 4):
        with pytest.raises(UnusableSessionError):
            await sessions(table, stripe).open_for(PAYMENT)
        assert table.current.checkout_attempt == attempt


async def test_a_call_in_flight_at_stripe_is_retried() -> None:
    stripe = FakeStripe(once(InFlightError("try_again", "in use")))

    assert (await sessions(Table(), stripe).open_for(PAYMENT)).payment.checkout_attempt == 1


@pytest.mark.parametrize(("age", "attempt"), [(timedelta(hours=21), 1), (timedelta(hours=23), 2)])
async def test_a_recent_attempt_without_a_session_continues(age: timedelta, attempt: int) -> None:
    started = (NOW - age).isoformat()

    checkout = await sessions(Table(replace(PENDING, checkout_attempt_at=started)), FakeStripe()).open_for(PAYMENT)

    assert checkout.payment.checkout_attempt == attempt


OTHER_WORDS = replace(PAYMENT, product_name="Other words", checkout_locale="ms")


async def test_a_call_with_other_words_gets_what_is_stored() -> None:
    table, stripe = Table(), FakeStripe()
    await sessions(table, stripe).open_for(replace(PAYMENT, checkout_locale="ta"))

    again = await sessions(table, stripe).open_for(OTHER_WORDS)

    assert again.reused
    assert (again.payment.product_name, again.payment.checkout_locale) == ("Travel insurance", "ta")


@pytest.mark.parametrize(("locale", "kept"), [("ms", "ms"), (None, "ta")])
async def test_a_new_link_keeps_the_name_and_takes_a_language(locale: str | None, kept: str) -> None:
    expired = replace(PENDING, stripe_session_id="cs_0", checkout_locale="ta", facts={"cs_0": session("expired")})

    again = await sessions(Table(expired), FakeStripe()).open_for(replace(OTHER_WORDS, checkout_locale=locale))

    assert not again.reused
    assert (again.payment.product_name, again.payment.checkout_locale) == ("Travel insurance", kept)


@pytest.mark.parametrize(("url", "kept"), [("https://b.example/", "https://b.example/"), (None, "https://a.example/")])
async def test_a_new_link_takes_the_return_url_of_its_call(url: str | None, kept: str) -> None:
    expired = replace(PENDING, stripe_session_id="cs_0", facts={"cs_0": session("expired")})
    table = Table(replace(expired, return_url="https://a.example/"))

    again = await sessions(table, FakeStripe()).open_for(replace(PAYMENT, return_url=url))

    assert (again.payment.return_url, table.current.return_url) == (kept, kept)


async def test_a_record_written_by_hand_gets_a_session() -> None:
    table = Table(replace(PAYMENT, product_name=None, currency="SGD"))

    checkout = await sessions(table, FakeStripe()).open_for(replace(PAYMENT, checkout_locale="en"))

    assert (checkout.payment.product_name, checkout.payment.checkout_locale) == ("Travel insurance", "en")
    assert (checkout.payment.checkout_attempt, checkout.session.id) == (1, "cs_1")


@pytest.mark.parametrize("session_id", [None, "cs_by_hand"])
@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.EXPIRED])
async def test_a_status_by_hand_does_not_block_a_link(status: Status, session_id: str | None) -> None:
    by_hand = replace(PAYMENT, payment_status=status, stripe_session_id=session_id)
    table = Table(replace(by_hand, facts=with_evidence(by_hand)))

    checkout = await sessions(table, FakeStripe()).open_for(PAYMENT)

    assert (checkout.session.id, checkout.payment.checkout_attempt) == ("cs_1", 1)
    assert (table.current.payment_status, table.current.other_session_id) == (Status.PENDING, session_id)


async def test_a_payment_completed_by_hand_gets_no_link() -> None:
    by_hand = replace(PAYMENT, payment_status=Status.COMPLETED)

    with pytest.raises(RefusalError) as error:
        await sessions(Table(replace(by_hand, facts=with_evidence(by_hand))), FakeStripe()).open_for(PAYMENT)

    assert error.value.code == "already_completed"


async def test_endless_conflicts_end_with_retry_after() -> None:
    tries = 0

    async def busy() -> None:
        nonlocal tries
        tries += 1
        await switch_task()
        raise InFlightError("try_again", "in use")

    with pytest.raises(RefusalError) as error:
        await sessions(Table(), FakeStripe(busy)).open_for(PAYMENT)

    assert (error.value.code, error.value.retry_after, tries) == ("try_again", 1, len(RETRY_PAUSES))
