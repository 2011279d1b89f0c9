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

RECORD = Payment(payment_intent_id="payment_1", stripe_session_id="cs_test_a", amount=4999, currency="sgd")
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
EXPIRED = replace(PAID, fact=Fact(kind=Kind.SESSION, state="expired"), intent_ids=())
REFUND = PaymentEvent(
    id="evt_2",
    type="some.type",
    created=0,
    object_id="re_1",
    fact=Fact(kind=Kind.REFUND, state="succeeded", amount=1, intent="pi_a"),
    intent_ids=("pi_a",),
)
"""An event that names only a PaymentIntent."""


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


class Table:
    """One record, found by its id or its session; fails to respond a number of times."""

    def __init__(self, record: Payment | None = RECORD, failures: int = 0) -> None:
        self.record = record
        self.failures = failures
        self.calls: list[tuple[str, Any]] = []

    async def apply(self, event: PaymentEvent) -> Applied:
        self._call("apply", event.payment_ids)
        return Applied(Outcome.APPLIED)

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        self._call("record_of", event.id)
        record = self.record
        if record is None:
            return None
        is_named = record.payment_intent_id in event.payment_ids
        return record if is_named or record.stripe_session_id == event.session_id else None

    def _call(self, method: str, argument: Any) -> None:
        self.calls.append((method, argument))
        if self.failures:
            self.failures -= 1
            raise UnavailableError("no answer")


class Stripe:
    """The sessions of every PaymentIntent."""

    def __init__(self, *sessions: PaymentEvent) -> None:
        self.sessions = sessions
        self.requested: list[tuple[str, str]] = []

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        self.requested.append((object_type, intent_id))
        return self.sessions


async def test_a_preview_shows_the_change_and_writes_nothing() -> None:
    table = Table()

    outcome, before, after = await Repairs(table).preview(PAID)

    assert (outcome, before) == (Outcome.APPLIED, RECORD)
    assert after is not None
    assert after.payment_status is Status.COMPLETED
    assert table.calls == [("record_of", "evt_1")]


async def test_an_event_without_a_record_is_unmatched() -> None:
    assert await Repairs(Table(None)).repair(PAID) == Applied(Outcome.UNMATCHED)


async def test_a_repair_applies_an_event_that_changes_its_payment() -> None:
    table = Table()

    applied = await Repairs(table).repair(replace(PAID, payment_ids=()))

    assert applied.outcome is Outcome.APPLIED
    assert table.calls == [("record_of", "evt_1"), ("apply", ("payment_1",))]


async def test_a_repair_without_effect_writes_nothing() -> None:
    table = Table(replace(RECORD, facts={"cs_test_a": PAID.fact}))

    applied = await Repairs(table).repair(EXPIRED)

    assert applied.outcome is Outcome.STALE
    assert [method for method, _ in table.calls] == ["record_of"]


async def test_a_simulation_includes_earlier_simulations() -> None:
    repairs = Repairs(Table())
    await repairs.simulate(PAID)

    simulated = await repairs.simulate(replace(EXPIRED, id="evt_3"))

    assert simulated.outcome is Outcome.STALE
    assert simulated.before is not None
    assert simulated.before.payment_status is Status.COMPLETED


async def test_a_simulation_without_a_record_is_unmatched() -> None:
    assert await Repairs(Table(None)).simulate(PAID) == Applied(Outcome.UNMATCHED)


@pytest.mark.parametrize("session", [PAID, replace(PAID, payment_ids=())], ids=["by our id", "by its own id"])
async def test_a_refund_finds_its_payment_through_the_session(session: PaymentEvent) -> None:
    stripe = Stripe(session)

    preview = await Repairs(Table(), stripe).preview(REFUND)

    assert preview.before == RECORD
    assert stripe.requested == [("checkout.session", "pi_a")]


async def test_every_session_of_a_payment_intent_is_tried() -> None:
    other = replace(PAID, payment_ids=("payment_other",), session_id="cs_other")

    assert (await Repairs(Table(), Stripe(other, PAID)).preview(REFUND)).before == RECORD
    assert (await Repairs(Table(), Stripe(other)).preview(REFUND)).outcome is Outcome.UNMATCHED


async def test_a_session_is_requested_only_once() -> None:
    repairs = Repairs(Table(None), stripe := Stripe())

    outcomes = [(await repairs.preview(REFUND)).outcome for _ in range(2)]

    assert outcomes == [Outcome.UNMATCHED] * 2
    assert len(stripe.requested) == 1


async def test_a_remembered_session_needs_no_call_to_stripe() -> None:
    repairs = Repairs(Table(), stripe := Stripe())
    repairs.remember(PAID)

    preview = await repairs.preview(REFUND)

    assert preview.before == RECORD
    assert stripe.requested == []


async def test_without_stripe_a_payment_intent_alone_is_unmatched() -> None:
    repairs = Repairs(Table())
    repairs.remember(EXPIRED)

    assert (await repairs.preview(REFUND)).outcome is Outcome.UNMATCHED


async def test_the_fifth_try_of_an_unavailable_table_can_succeed() -> None:
    table = Table(failures=4)

    preview = await Repairs(table).preview(PAID)

    assert preview.outcome is Outcome.APPLIED
    assert len(table.calls) == 5


async def test_a_table_is_unavailable_after_five_tries() -> None:
    table = Table(failures=5)

    with pytest.raises(UnavailableError):
        await Repairs(table).preview(PAID)

    assert len(table.calls) == 5
