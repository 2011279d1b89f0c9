from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Payment, Status
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import Applied
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.session_events import ListedSession
from tests.support.scenarios import record

ATTEMPT_AT = "2026-01-01T00:00:10.000Z"
BEFORE, AFTER = 1_767_225_605, 1_767_225_615
"""5 s before and after ATTEMPT_AT, in seconds since 1970."""


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


class Table:
    """Records by id, which fail to answer a number of times."""

    def __init__(self, *records: Payment, failures: int = 0) -> None:
        self.records = {one.payment_intent_id: one for one in records}
        self.failures = failures
        self.calls: list[tuple[str, Any]] = []

    async def apply(self, event: PaymentEvent) -> Applied:
        self._call("apply", event.payment_id)
        return Applied(Outcome.APPLIED)

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        self._call("record_of", event.id)
        return self.records.get(event.payment_id or "")

    async def get(self, payment_id: str) -> Payment | None:
        self._call("get", payment_id)
        return self.records.get(payment_id)

    async def by_session(self, session_id: str) -> Payment | None:
        self._call("by_session", session_id)
        return next((one for one in self.records.values() if one.stripe_session_id == session_id), None)

    def _call(self, method: str, argument: Any) -> None:
        self.calls.append((method, argument))
        if self.failures:
            self.failures -= 1
            raise UnavailableError("no answer")


class Stripe:
    """One session, found by any PaymentIntent."""

    def __init__(self, session: ListedSession | None) -> None:
        self.session = session
        self.requested_intents: list[str] = []

    async def session_of_intent(self, intent_id: str) -> ListedSession | None:
        self.requested_intents.append(intent_id)
        return self.session


def _session(payment_id: str | None) -> ListedSession:
    return ListedSession(
        id="cs_test_a",
        object="checkout.session",
        created=0,
        livemode=False,
        status="complete",
        payment_status="paid",
        client_reference_id=payment_id,
        payment_intent="pi_a",
    )


PAID = PaymentEvent(
    id="evt_1",
    type="some.type",
    created=0,
    fact=Fact.PAID,
    payment_id="payment_1",
    session_id="cs_test_a",
    amount=4999,
    currency="sgd",
)
EXPIRED = replace(PAID, fact=Fact.SESSION_EXPIRED)
OTHER_SESSION_EXPIRED = replace(EXPIRED, session_id="cs_test_other")
REFUND = PaymentEvent(
    id="evt_2", type="some.type", created=0, fact=Fact.REFUNDED, amount_refunded=1, stripe_payment_intent="pi_a"
)
"""An event that names only a PaymentIntent."""


async def test_a_preview_shows_the_change_and_writes_nothing() -> None:
    table = Table(record("payment_1"))

    outcome, before, after = await Repairs(table).preview(PAID)

    assert (outcome, before) == (Outcome.APPLIED, record("payment_1"))
    assert after is not None
    assert after.payment_status is Status.COMPLETED
    assert table.calls == [("record_of", "evt_1")]


async def test_an_event_without_a_record_is_unmatched() -> None:
    assert await Repairs(Table()).repair(PAID) == Applied(Outcome.UNMATCHED)


async def test_a_repair_applies_an_event_that_changes_its_payment() -> None:
    table = Table(record("payment_1"))

    applied = await Repairs(table).repair(PAID)

    assert applied.outcome is Outcome.APPLIED
    assert table.calls == [("record_of", "evt_1"), ("apply", "payment_1")]


async def test_a_repair_without_effect_writes_nothing() -> None:
    table = Table(record("payment_1"))

    applied = await Repairs(table).repair(OTHER_SESSION_EXPIRED)

    assert applied.outcome is Outcome.STALE
    assert [method for method, _ in table.calls] == ["record_of"]


async def test_a_simulation_includes_earlier_simulations() -> None:
    repairs = Repairs(Table(record("payment_1")))
    await repairs.simulate(PAID)

    simulated = await repairs.simulate(replace(EXPIRED, id="evt_2"))

    assert simulated.outcome is Outcome.STALE
    assert simulated.before is not None
    assert simulated.before.payment_status is Status.COMPLETED


async def test_a_simulation_without_effect_is_not_kept() -> None:
    repairs = Repairs(Table(record("payment_1")))
    await repairs.simulate(OTHER_SESSION_EXPIRED)

    simulated = await repairs.simulate(PAID)

    assert simulated.before == record("payment_1")


async def test_a_refund_finds_its_payment_through_the_session() -> None:
    stripe = Stripe(_session("payment_1"))

    preview = await Repairs(Table(record("payment_1")), stripe).preview(REFUND)

    assert preview.before == record("payment_1")
    assert stripe.requested_intents == ["pi_a"]


async def test_a_session_without_our_id_is_found_by_its_own() -> None:
    table = Table(record("payment_1"))

    preview = await Repairs(table, Stripe(_session(None))).preview(REFUND)

    assert preview.before == record("payment_1")
    assert table.calls[-1] == ("by_session", "cs_test_a")


async def test_a_session_is_requested_only_once() -> None:
    repairs = Repairs(Table(), stripe := Stripe(None))

    outcomes = [(await repairs.preview(REFUND)).outcome for _ in range(2)]

    assert outcomes == [Outcome.UNMATCHED] * 2
    assert stripe.requested_intents == ["pi_a"]


async def test_a_remembered_session_needs_no_call_to_stripe() -> None:
    stripe = Stripe(None)
    repairs = Repairs(Table(record("payment_1")), stripe)
    repairs.remember(_session("payment_1"))

    preview = await repairs.preview(REFUND)

    assert preview.before == record("payment_1")
    assert stripe.requested_intents == []


async def test_a_session_without_a_payment_intent_is_not_remembered() -> None:
    repairs = Repairs(Table(record("payment_1")))
    unpaid = _session("payment_1")
    unpaid.payment_intent = None
    repairs.remember(unpaid)

    assert (await repairs.preview(REFUND)).outcome is Outcome.UNMATCHED


@pytest.mark.parametrize(
    ("created", "outcome"), [(BEFORE, Outcome.STALE), (AFTER, Outcome.APPLIED)], ids=["before", "after"]
)
async def test_an_event_from_before_the_attempt_is_stale(created: int, outcome: Outcome) -> None:
    waiting = replace(record("payment_1"), stripe_session_id=None, checkout_attempt=2, checkout_attempt_at=ATTEMPT_AT)

    preview = await Repairs(Table(waiting)).preview(replace(EXPIRED, created=created))

    assert preview.outcome is outcome


@pytest.mark.parametrize(
    ("fields", "fact"),
    [
        ({"stripe_session_id": None, "checkout_attempt": 1}, Fact.SESSION_EXPIRED),
        ({"stripe_session_id": "cs_test_a", "checkout_attempt": 2}, Fact.SESSION_EXPIRED),
        ({"stripe_session_id": None, "checkout_attempt": 2}, Fact.PAID),
    ],
    ids=["first attempt", "session known", "paid"],
)
async def test_other_old_events_are_not_stale(fields: dict[str, Any], fact: Fact) -> None:
    waiting = replace(record("payment_1"), checkout_attempt_at=ATTEMPT_AT, **fields)

    preview = await Repairs(Table(waiting)).preview(replace(PAID, fact=fact, created=BEFORE))

    assert preview.outcome is Outcome.APPLIED


async def test_the_fifth_try_of_an_unavailable_table_can_succeed() -> None:
    table = Table(record("payment_1"), failures=4)

    preview = await Repairs(table).preview(PAID)

    assert preview.outcome is Outcome.APPLIED
    assert len(table.calls) == 5


async def test_a_table_is_unavailable_after_five_tries() -> None:
    table = Table(record("payment_1"), failures=5)

    with pytest.raises(UnavailableError):
        await Repairs(table).preview(PAID)

    assert len(table.calls) == 5
