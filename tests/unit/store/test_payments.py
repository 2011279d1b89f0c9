from msgspec.structs import replace
from opentelemetry.trace import INVALID_SPAN

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HistoryEntry, Payment, Status
from lea_payments.store.items import item_of
from lea_payments.store.payments import Applied, decide
from lea_payments.store.statements import Update
from tests.support.scenarios import record

PAID = PaymentEvent(
    id="evt_1", type="some.type", created=0, fact=Fact.PAID, session_id="cs_test_a", amount=4999, currency="sgd"
)


def _decide(before: Payment, event: PaymentEvent) -> tuple[Applied, Update | None]:
    return decide("payments", before, item_of(before), event, "t1", INVALID_SPAN)


def test_an_event_that_changes_a_record_needs_a_write() -> None:
    applied, update = _decide(record("payment_1"), PAID)

    assert (applied.outcome, applied.before) == (Outcome.APPLIED, record("payment_1"))
    assert applied.after is not None
    assert (applied.after.payment_status, applied.after.updated_at) == (Status.COMPLETED, "t1")
    assert update is not None
    assert update.key == "payment_1"


def test_an_event_that_was_applied_before_needs_no_write() -> None:
    entry = HistoryEntry("evt_1", "some.type", "applied", "pending", "completed", "t0", None)
    before = replace(record("payment_1"), history=(entry,))

    assert _decide(before, PAID) == (Applied(Outcome.DUPLICATE, before, before), None)


def test_a_stale_event_is_written_to_the_history_only() -> None:
    stale = replace(PAID, fact=Fact.SESSION_EXPIRED, session_id="cs_test_other")

    applied, update = _decide(record("payment_1"), stale)

    assert applied.outcome is Outcome.STALE
    assert update is not None
    assert "SET history" in update.text
    assert "payment_status=?" in update.text.partition("WHERE")[2]
