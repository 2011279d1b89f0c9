import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry import trace

from lea_payments.payment import changes
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.batch.results import Blocked, Busy, Failed, NotFound, WriteResult, Written
from lea_payments.store.connection import WAITING_LIMIT, Deadline
from lea_payments.store.errors import TemporaryError, UnavailableError
from lea_payments.store.event_writes import EventWrites
from lea_payments.store.group_commit import GroupCommit
from lea_payments.store.items import Item, attributes_of
from lea_payments.store.statements.events import Update
from lea_payments.telemetry.applying import NO_TRACE, Applying
from lea_payments.telemetry.traces import Trace
from tests.support.first_events import BY_CHECKOUT, PAID, event_of

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
AT = "2026-11-27T12:00:00.000Z"
EVENT = replace(event_of(), payment_ids=("payment_1",))
DETAIL = replace(event_of(Fact(kind=Kind.CHARGE, state="succeeded", intent="pi_a"), "ch_1"), payment_ids=("payment_1",))
BUG = KeyError("a bug")
Answer = WriteResult | Exception


class Table:
    """Answers each batch with the next of its answers; `None` is no answer at all."""

    def __init__(self, *answers: Answer | None) -> None:
        self._answers = list(answers)
        self.writes: list[Update] = []

    def __call__(self, writes: Sequence[Update], done: Callable[[Sequence[WriteResult] | Exception], None]) -> None:
        self.writes += writes
        answers = [self._answers.pop(0) for _ in writes]
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        results = [answer for answer in answers if answer is not None and not isinstance(answer, Exception)]
        if errors or len(results) == len(writes):
            asyncio.get_running_loop().call_soon(partial(done, errors[0] if errors else results))


class Writes:
    """The events' writes to a table, and the lookups in its indexes."""

    def __init__(self, *answers: Answer | None, found: str | None = None, seconds: float = 60) -> None:
        self.table = Table(*answers)
        self.deadline = Deadline(seconds)
        self.lookups: list[PaymentEvent] = []
        self.spans: list[trace.SpanContext] = []
        self._found = found
        self.now = NOW
        self._events = EventWrites(
            *("payments", lambda: self.now, self.deadline, GroupCommit(self.table), self._find), notifications=False
        )

    async def _find(self, event: PaymentEvent, deadline: float) -> str | None:
        del deadline
        self.lookups.append(event)
        self.spans.append(trace.get_current_span().get_span_context())
        return self._found

    def begin(self, event: PaymentEvent, operation: Trace = NO_TRACE) -> asyncio.Future[Applied]:
        result: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()

        def finish(applied: Applied | Exception) -> None:
            assert not result.done(), "called twice"
            if isinstance(applied, Exception):
                result.set_exception(applied)
            else:
                result.set_result(applied)

        self._events.begin(event, Applying(operation), finish)
        return result

    @property
    def waiting(self) -> int:
        """How many events count as waiting: as many as are missing from the limit."""
        free = 0
        while True:
            try:
                self.deadline.start()
            except UnavailableError:
                break
            free += 1
        for _ in range(free):
            self.deadline.end()
        return WAITING_LIMIT - free


def _after(event: PaymentEvent, record: Payment = BY_CHECKOUT, at: str = AT) -> Item:
    """The item after this event, written at that time."""
    after = changes.apply(record, event, at).after
    assert after is not None
    return attributes_of(after)


async def test_the_first_write_is_a_straight_line() -> None:
    writes = Writes(Written())
    tasks = asyncio.all_tasks()

    result = writes.begin(EVENT)
    assert writes.waiting == 1
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks

    applied = await result
    assert (applied.outcome, len(writes.table.writes), writes.waiting) == (Outcome.APPLIED, 1, 0)


async def test_a_wrong_guess_is_decided_again_without_a_read() -> None:
    current = attributes_of(replace(BY_CHECKOUT, version=7))
    writes = Writes(Blocked(current), Written())

    applied = await writes.begin(EVENT)

    assert applied.before == replace(BY_CHECKOUT, version=7)
    assert (applied.outcome, len(writes.table.writes)) == (Outcome.APPLIED, 2)
    assert (writes.lookups, writes.waiting) == ([], 0)


async def test_an_event_in_the_history_is_a_duplicate() -> None:
    writes = Writes(Blocked(_after(EVENT, at="2026-11-26T00:00:00.000Z")))

    applied = await writes.begin(EVENT)

    assert (applied.outcome, len(writes.table.writes), writes.waiting) == (Outcome.DUPLICATE, 1, 0)


@pytest.mark.parametrize("event", [EVENT, DETAIL], ids=["with an entry", "a detail without one"])
@pytest.mark.parametrize(
    "lost", [Busy("InternalServerError"), TemporaryError("no response")], ids=["of the statement", "of the batch"]
)
async def test_a_lost_response_is_found_in_the_record(event: PaymentEvent, lost: Answer) -> None:
    writes = Writes(lost, Blocked(_after(event)))

    applied = await writes.begin(event)

    assert (applied.outcome, len(writes.table.writes), writes.waiting) == (Outcome.APPLIED, 2, 0)


async def test_a_write_of_another_sender_is_not_ones_own() -> None:
    writes = Writes(Busy("InternalServerError"), Blocked(_after(EVENT, at="2026-11-27T11:59:59.000Z")))

    applied = await writes.begin(EVENT)

    assert (applied.outcome, writes.waiting) == (Outcome.DUPLICATE, 0)


async def test_a_busy_table_gets_the_write_again() -> None:
    writes = Writes(Busy("ThrottlingError"), TemporaryError("no response"), Written())

    applied = await writes.begin(EVENT)

    assert (applied.outcome, len(writes.table.writes), writes.waiting) == (Outcome.APPLIED, 3, 0)


async def test_an_event_without_a_record_is_looked_up() -> None:
    writes = Writes(NotFound(), Written(), found="payment_2")

    applied = await writes.begin(EVENT)

    assert (applied.outcome, [write.key for write in writes.table.writes]) == (
        Outcome.APPLIED,
        ["payment_1", "payment_2"],
    )
    assert (writes.lookups, writes.waiting) == ([EVENT], 0)


async def test_each_payment_id_of_an_event_is_tried_once() -> None:
    writes = Writes(NotFound(), Written())

    await writes.begin(replace(EVENT, payment_ids=("payment_1", "payment_2")))

    assert [write.key for write in writes.table.writes] == ["payment_1", "payment_2"]
    assert (writes.lookups, writes.waiting) == ([], 0)


@pytest.mark.parametrize(
    ("event", "outcome"), [(EVENT, Outcome.UNMATCHED), (DETAIL, Outcome.IGNORED)], ids=["event", "detail"]
)
async def test_an_event_of_another_system_changes_nothing(event: PaymentEvent, outcome: Outcome) -> None:
    writes = Writes(NotFound())

    assert await writes.begin(event) == Applied(outcome)
    assert writes.waiting == 0


async def test_an_event_without_payment_ids_is_looked_up_first() -> None:
    writes = Writes(Written(), found="payment_2")

    applied = await writes.begin(event_of())

    assert (applied.outcome, [write.key for write in writes.table.writes]) == (Outcome.APPLIED, ["payment_2"])
    assert writes.waiting == 0


@pytest.mark.parametrize("answer", [Failed(BUG), BUG], ids=["of the statement", "of the batch"])
async def test_a_lasting_failure_is_not_repeated(answer: Answer) -> None:
    writes = Writes(answer)

    with pytest.raises(KeyError, match="a bug"):
        await writes.begin(EVENT)

    assert (len(writes.table.writes), writes.waiting) == (1, 0)


@pytest.mark.parametrize("answers", [[None], [Busy("ThrottlingError"), None]], ids=["first write", "second write"])
async def test_a_write_without_an_answer_ends_in_time(answers: list[Answer | None]) -> None:
    writes = Writes(*answers, seconds=0.2)

    with pytest.raises(UnavailableError, match=r"no response from DynamoDB within 0\.2 s"):
        await writes.begin(EVENT)

    assert writes.waiting == 0


async def test_a_busy_table_ends_when_no_time_is_left() -> None:
    writes = Writes(TemporaryError("no response"), seconds=0)

    with pytest.raises(UnavailableError, match=r"^no response$"):
        await writes.begin(EVENT)

    assert writes.waiting == 0


async def test_a_bug_in_the_first_decision_is_raised_at_once() -> None:
    writes = Writes()
    wrong: Any = replace(EVENT, fact=None)

    with pytest.raises(AttributeError):
        writes.begin(wrong)

    assert (writes.table.writes, writes.waiting) == ([], 0)


async def test_a_bug_in_a_later_decision_reaches_the_callback() -> None:
    not_an_item: Any = 1
    writes = Writes(Blocked(not_an_item))

    with pytest.raises((AttributeError, TypeError)):
        await writes.begin(EVENT)

    assert writes.waiting == 0


async def test_too_many_waiting_events_are_refused_at_once() -> None:
    writes = Writes(Written())
    for _ in range(WAITING_LIMIT):
        writes.deadline.start()

    with pytest.raises(UnavailableError, match=f"{WAITING_LIMIT} other events wait"):
        writes.begin(EVENT)

    assert (writes.table.writes, writes.waiting) == ([], WAITING_LIMIT)


async def test_the_guess_needs_a_write_only_if_it_changes() -> None:
    """An event of an open session adds nothing to the guess, which can be wrong: it takes the other way."""
    open_session = replace(event_of(replace(PAID, state="open")), payment_ids=("payment_1",))
    writes = Writes(Written())

    applied = await writes.begin(open_session)

    assert (applied.outcome, writes.waiting) == (applied.outcome, 0)


async def test_what_leaves_the_straight_line_keeps_its_trace() -> None:
    operation = Trace(7, 8, is_sampled=False)
    writes = Writes(NotFound())

    await writes.begin(EVENT, operation)

    assert [(context.trace_id, context.span_id) for context in writes.spans] == [(7, 8)]


async def test_many_events_share_a_batch_and_fail_alone() -> None:
    writes = Writes(Written(), Failed(BUG), Blocked(_after(EVENT)), Written())
    events = [replace(EVENT, id=f"evt_{number}", payment_ids=(f"payment_{number}",)) for number in range(4)]

    results = await asyncio.gather(*map(writes.begin, events), return_exceptions=True)

    assert [result.outcome if isinstance(result, Applied) else result for result in results] == [
        Outcome.APPLIED,
        BUG,
        Outcome.STALE,
        Outcome.APPLIED,
    ]
    assert writes.waiting == 0
