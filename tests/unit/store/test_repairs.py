from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import stamina
from msgspec.structs import replace

from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment, Status
from lea_payments.store.errors import UnavailableError
from lea_payments.store.repairs import Repairs
from tests.support.scenarios import record


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


class Table:
    """Records by id, which fail to answer a number of times; the only index is that of sessions."""

    def __init__(self, *records: Payment, failures: int = 0) -> None:
        self.records = {one.payment_intent_id: one for one in records}
        self.failures = failures
        self.calls: list[tuple[str, Any]] = []

    async def apply(self, event: PaymentEvent) -> Applied:
        self._call("apply", *event.payment_ids)
        return Applied(Outcome.APPLIED)

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        self._call("record_of", event.id)
        by_id = (self.records[one] for one in event.payment_ids if one in self.records)
        by_session = (
            one for one in self.records.values() if one.stripe_session_id and one.stripe_session_id == event.session_id
        )
        return next(by_id, None) or next(by_session, None)

    def _call(self, method: str, argument: Any) -> None:
        self.calls.append((method, argument))
        if self.failures:
            self.failures -= 1
            raise UnavailableError("no answer")


class Stripe:
    """The sessions of every PaymentIntent."""

    def __init__(self, *sessions: PaymentEvent) -> None:
        self.sessions = sessions
        self.requested_intents: list[str] = []

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        self.requested_intents.append(intent_id)
        return [session for session in self.sessions if session.type in ("some.type", object_type)]


PAID = PaymentEvent(
    id="evt_1",
    type="some.type",
    created=0,
    object_id="cs_test_a",
    fact=Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a"),
    payment_ids=("payment_1",),
    session_id="cs_test_a",
    intent_ids=("pi_a",),
)
EXPIRED = replace(PAID, fact=replace(PAID.fact, state="expired"))
REFUND = PaymentEvent(
    id="evt_2",
    type="some.type",
    created=0,
    object_id="re_a",
    fact=Fact(kind=Kind.REFUND, state="succeeded", amount=1, intent="pi_a"),
    intent_ids=("pi_a",),
)
"""An event that names only a PaymentIntent."""

EXPIRED_RECORD = replace(record("payment_1"), facts={"cs_test_a": EXPIRED.fact})


async def test_a_preview_shows_the_change_and_writes_nothing() -> None:
    table = Table(record("payment_1"))

    applied = await Repairs(table).preview(PAID)
    after = applied.after

    assert (applied.outcome, applied.before) == (Outcome.APPLIED, record("payment_1"))
    assert after is not None
    assert after.payment_status is Status.COMPLETED
    assert table.calls == [("record_of", "evt_1")]


async def test_an_event_without_a_record_is_unmatched() -> None:
    assert await Repairs(Table()).repair(PAID) == Applied(Outcome.UNMATCHED)


async def test_a_repair_applies_an_event_that_changes_its_payment() -> None:
    table = Table(record("payment_1"))

    applied = await Repairs(table).repair(replace(PAID, payment_ids=("user_42", "payment_1")))

    assert applied.outcome is Outcome.APPLIED
    assert table.calls == [("record_of", "evt_1"), ("apply", "payment_1")]


async def test_a_repair_without_effect_writes_nothing() -> None:
    table = Table(EXPIRED_RECORD)

    applied = await Repairs(table).repair(EXPIRED)

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
    repairs = Repairs(Table(EXPIRED_RECORD))
    await repairs.simulate(EXPIRED)

    simulated = await repairs.simulate(PAID)

    assert simulated.before == EXPIRED_RECORD


async def test_a_simulated_payment_is_found_by_its_payment_intent() -> None:
    """No index knows the PaymentIntent yet, because nothing was written."""
    repairs = Repairs(Table(record("payment_1")))
    await repairs.simulate(PAID)

    simulated = await repairs.simulate(REFUND)

    assert simulated.outcome is Outcome.APPLIED
    assert simulated.after is not None
    assert simulated.after.amount_refunded == 1


@pytest.mark.parametrize("payment_ids", [("payment_1",), ()], ids=["by our id", "by its own id"])
async def test_a_refund_finds_its_payment_through_the_session(payment_ids: tuple[str, ...]) -> None:
    stripe = Stripe(replace(PAID, payment_ids=payment_ids))

    preview = await Repairs(Table(record("payment_1")), stripe).preview(REFUND)

    assert preview.before == record("payment_1")
    assert stripe.requested_intents == ["pi_a"]


async def test_every_payment_intent_of_an_event_is_tried() -> None:
    stripe = Stripe()
    await Repairs(Table(), stripe).preview(replace(REFUND, intent_ids=("pi_a", "pi_b")))

    assert stripe.requested_intents == ["pi_a", "pi_b"]


async def test_every_session_of_a_payment_intent_is_tried() -> None:
    other = replace(PAID, payment_ids=("payment_other",), session_id="cs_other")

    preview = await Repairs(Table(record("payment_1")), Stripe(other, PAID)).preview(REFUND)

    assert preview.before == record("payment_1")


async def test_a_session_is_requested_only_once() -> None:
    repairs = Repairs(Table(), stripe := Stripe())

    outcomes = [(await repairs.preview(REFUND)).outcome for _ in range(2)]

    assert outcomes == [Outcome.UNMATCHED] * 2
    assert stripe.requested_intents == ["pi_a"]


async def test_a_remembered_session_needs_no_call_to_stripe() -> None:
    stripe = Stripe()
    repairs = Repairs(Table(record("payment_1")), stripe)
    repairs.remember(PAID)

    preview = await repairs.preview(REFUND)

    assert preview.before == record("payment_1")
    assert stripe.requested_intents == []


async def test_a_session_without_a_payment_intent_is_not_remembered() -> None:
    repairs = Repairs(Table(record("payment_1")))
    repairs.remember(replace(PAID, intent_ids=()))

    assert (await repairs.preview(REFUND)).outcome is Outcome.UNMATCHED


async def test_another_payment_than_the_selected_one_is_unmatched() -> None:
    """The event names a payment that exists, so Stripe is not asked."""
    stripe = Stripe(PAID)
    table = Table(record("payment_1"), record("payment_2"))
    repairs = Repairs(table, stripe, "payment_2")

    outcomes = [(await repairs.repair(event)).outcome for event in (PAID, replace(REFUND, payment_ids=("payment_1",)))]

    assert outcomes == [Outcome.UNMATCHED] * 2
    assert stripe.requested_intents == []
    assert ("apply", "payment_1") not in table.calls


async def test_the_selected_payment_is_found_through_its_session() -> None:
    preview = await Repairs(Table(record("payment_1")), Stripe(PAID), "payment_1").preview(REFUND)

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


LOST_DISPUTE = replace(
    REFUND, type="dispute", object_id="du_a", fact=Fact(kind=Kind.DISPUTE, state="lost", intent="pi_a")
)


def _disputed(state: str) -> Payment:
    facts = {"cs_test_a": PAID.fact, "du_a": replace(LOST_DISPUTE.fact, state=state)}
    return replace(record("payment_1"), payment_status=Status.COMPLETED, facts=facts)


@pytest.mark.parametrize("known", ["appeal_needs_response", "appeal_under_review", "prevented", "won"])
async def test_a_dispute_that_is_lost_at_stripe_is_lost_again(known: str) -> None:
    stripe = Stripe(LOST_DISPUTE)
    lost = replace(LOST_DISPUTE, payment_ids=("payment_1",))

    applied = await Repairs(Table(_disputed(known)), stripe).preview(lost)

    assert applied.after is not None
    assert applied.after.facts["du_a"].state == "appeal_lost"
    assert applied.after.dispute_status == "lost"
    assert applied.after.history[-1].event_id == "du_a:appeal_lost"


@pytest.mark.parametrize("current", ["appeal_under_review", "won"])
async def test_an_old_event_of_a_lost_dispute_changes_nothing(current: str) -> None:
    stripe = Stripe(replace(LOST_DISPUTE, fact=replace(LOST_DISPUTE.fact, state=current)))
    lost = replace(LOST_DISPUTE, payment_ids=("payment_1",))

    applied = await Repairs(Table(_disputed(current)), stripe).preview(lost)

    assert applied.outcome is Outcome.STALE


@pytest.mark.parametrize("known", ["needs_response", "lost", "appeal_lost"])
async def test_a_first_loss_needs_no_call_to_stripe(known: str) -> None:
    stripe = Stripe(LOST_DISPUTE)

    await Repairs(Table(_disputed(known)), stripe).preview(replace(LOST_DISPUTE, payment_ids=("payment_1",)))

    assert stripe.requested_intents == []
