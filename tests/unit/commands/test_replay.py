import asyncio
from collections.abc import Sequence
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from lea_payments.commands.replay import HINTS, NO_EVENT, NO_EVENT_OF_PAYMENT, Replay, ReplayOptions
from lea_payments.commands.replay_source import ReplayItem
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.events import Ignored
from tests.support.scenarios import record

PAID = PaymentEvent(
    id="evt_1",
    type="checkout.session.completed",
    created=0,
    object_id="cs_test_a",
    fact=Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a"),
    payment_ids=("payment_1",),
)
UNKNOWN = replace(PAID, payment_ids=("payment_2",))
OTHER_MODE = Ignored("evt_2", "checkout.session.completed", 0, Outcome.WRONG_MODE, "other_mode")
OTHER_TYPE = Ignored("evt_3", "customer.created", 0, Outcome.IGNORED, "unused_type")


class Table:
    """A table with one payment, `payment_1`."""

    async def apply(self, _event: PaymentEvent) -> Applied:
        return Applied(Outcome.APPLIED)

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        return record("payment_1") if event.payment_ids == ("payment_1",) else None


@pytest.mark.parametrize(
    ("items", "payment_id", "hints"),
    [
        ([], None, [NO_EVENT]),
        ([], "payment_1", [NO_EVENT_OF_PAYMENT]),
        ([UNKNOWN], "payment_1", [NO_EVENT_OF_PAYMENT]),
        ([OTHER_TYPE, UNKNOWN], "payment_1", ["Ignored because of: unused_type (1)", NO_EVENT_OF_PAYMENT]),
        ([PAID], "payment_1", []),
        ([PAID, UNKNOWN], None, [HINTS[Outcome.UNMATCHED]]),
        ([OTHER_MODE], None, ["Ignored because of: other_mode (1)", HINTS[Outcome.WRONG_MODE]]),
    ],
    ids=["no event", "no event of a payment", "other payments", "no payment", "applied", "unmatched", "other mode"],
)
def test_the_summary_says_what_to_do_next(
    items: Sequence[ReplayItem], payment_id: str | None, hints: Sequence[str]
) -> None:
    replay = Replay(Repairs(Table(), None, payment_id), ReplayOptions(Console(file=StringIO()), payment_id))

    asyncio.run(replay.run(items))

    assert list(replay.hints()) == hints
