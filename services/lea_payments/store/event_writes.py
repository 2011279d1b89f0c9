"""Applies events to their payments: the first write is a straight line of calls, and what it leads to are coroutines.

Nearly every event needs exactly one write, which a guess makes possible without a read. That way has no task, no future
and no context of its own: they would cost more than deciding and building the write.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

import msgspec

from lea_payments.payment import changes
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import is_detail
from lea_payments.payment.record import Payment, iso
from lea_payments.store import connection
from lea_payments.store.batch.results import Blocked, Busy, NotFound, WriteResult, Written
from lea_payments.store.connection import FIRST_PAUSE_SECONDS, Deadline
from lea_payments.store.errors import TemporaryError
from lea_payments.store.group_commit import GroupCommit
from lea_payments.store.statements import events, records
from lea_payments.store.statements.events import Update
from lea_payments.store.statements.records import CurrentRecord
from lea_payments.telemetry import traces
from lea_payments.telemetry.applying import Applying

Callback = Callable[[Applied | Exception], None]
Writer = GroupCommit[Update, WriteResult]


class _Attempt(msgspec.Struct, frozen=True, gc=False):
    """A decision about a record, made at one time, and the write that it needs, if it needs one."""

    before: CurrentRecord
    at: str
    applied: Applied
    write: Update | None


class _Result(NamedTuple):
    """What came of an attempt."""

    attempt: _Attempt
    of_write: WriteResult | Exception


class EventWrites:
    """Applies each event exactly once, in whatever order events arrive. `find` looks a payment up in the indexes."""

    def __init__(
        self,
        table: str,
        now: Callable[[], datetime],
        deadline: Deadline,
        writer: Writer,
        find: Callable[[PaymentEvent, float], Awaitable[str | None]],
        *,
        notifications: bool,
    ) -> None:
        self._table, self._now, self._notifications = table, now, notifications
        self._deadline, self._writer, self._find = deadline, writer, find
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, event: PaymentEvent, applying: Applying, callback: Callback) -> None:
        """Starts to apply an event. The callback gets the result, or the error, after this call.

        Raises UnavailableError if too many events wait for DynamoDB.
        """
        deadline = self._deadline.start()
        try:
            # Nearly every event is the first of its payment, so the first try guesses the record instead of reading it.
            first = (
                self._attempt(records.untouched(event.payment_ids[0], event), event, applying)
                if event.payment_ids
                else None
            )
        except Exception:
            self._deadline.end()
            raise
        if first is None or first.write is None:
            self._go_on(event, applying, deadline, None, callback)
        else:
            self._writer.append(
                first.write, deadline, partial(self._finish_first, event, applying, deadline, first, callback)
            )

    def _finish_first(
        self,
        event: PaymentEvent,
        applying: Applying,
        deadline: float,
        attempt: _Attempt,
        callback: Callback,
        result: WriteResult | Exception,
    ) -> None:
        if isinstance(result, Written):
            self._finish(event, applying, callback, attempt.applied)
        else:
            self._go_on(event, applying, deadline, _Result(attempt, result), callback)

    def _finish(self, event: PaymentEvent, applying: Applying, callback: Callback, result: Applied | Exception) -> None:
        self._deadline.end()
        try:
            applying.ended(event.id, event.type, result if isinstance(result, Exception) else None)
        finally:
            callback(result)

    def _go_on(
        self, event: PaymentEvent, applying: Applying, deadline: float, first: _Result | None, callback: Callback
    ) -> None:
        """Leaves the straight line: a task does what needs more than one write."""

        async def run() -> None:
            result: Applied | Exception
            try:
                with traces.as_current(applying.trace):
                    result = await self._apply(event, applying, deadline, first)
            except TimeoutError:
                result = self._deadline.error()
            except Exception as error:  # noqa: BLE001 - the callback handles every error
                result = error
            self._finish(event, applying, callback, result)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _apply(self, event: PaymentEvent, applying: Applying, deadline: float, first: _Result | None) -> Applied:
        for payment_id in event.payment_ids:
            applied = await self._apply_to(payment_id, event, applying, deadline, first)
            if applied.outcome is not Outcome.UNMATCHED:
                return applied
            first = None
        indexed_id = await self._find(event, deadline)
        if indexed_id is None:
            return changes.without_record(event)
        return await self._apply_to(indexed_id, event, applying, deadline)

    async def _apply_to(
        self, payment_id: str, event: PaymentEvent, applying: Applying, deadline: float, first: _Result | None = None
    ) -> Applied:
        attempt, result = first or (self._guess(payment_id, event, applying), None)
        unanswered: dict[str, Applied] = {}
        pause = FIRST_PAUSE_SECONDS
        while True:
            before = attempt.before
            if attempt.write is None:
                return _own_write(before.record, event, unanswered) or attempt.applied
            match await self._write(attempt.write, deadline) if result is None else _known(result):
                case Written():
                    return attempt.applied
                case NotFound():
                    return Applied(Outcome.UNMATCHED)
                case Blocked(item):
                    # The guess was wrong, or another write came first. DynamoDB returned the current item with the
                    # failed condition (ALL_OLD), so the next try needs no read either.
                    before = records.current(item)
                case Busy(problem):
                    # The write may be done. Then the next try finds this event in the history, recorded at this time.
                    unanswered[attempt.at] = attempt.applied
                    pause = await connection.pause_before_next(pause, deadline, problem)
                case failed:
                    raise failed.error
            attempt, result = self._attempt(before, event, applying), None

    def _guess(self, payment_id: str, event: PaymentEvent, applying: Applying) -> _Attempt:
        """Nearly every event is the first of its payment, so the first try guesses the record instead of reading it."""
        return self._attempt(records.untouched(payment_id, event), event, applying)

    def _attempt(self, before: CurrentRecord, event: PaymentEvent, applying: Applying) -> _Attempt:
        now = self._now()
        at = iso(now)
        applied = changes.apply(before.record, event, at, applying.trace.hex_id)
        if applied.after is None or applied.after is before.record:
            return _Attempt(before, at, applied, None)
        notify_at = now if self._notifications else None
        return _Attempt(before, at, applied, events.update(self._table, before, applied.after, applying, notify_at))

    async def _write(self, write: Update, deadline: float) -> WriteResult:
        try:
            return await self._writer.submit(write, deadline)
        except TemporaryError as error:
            return Busy(str(error))


def _known(result: WriteResult | Exception) -> WriteResult:
    """The result of a write that was sent on the straight line. Raises its error unless that is temporary."""
    if isinstance(result, TemporaryError):
        return Busy(str(result))
    if isinstance(result, Exception):
        raise result
    return result


def _own_write(record: Payment, event: PaymentEvent, unanswered: Mapping[str, Applied]) -> Applied | None:
    """The result of an earlier try of this call whose write was done although the response was lost."""
    times = [entry.at for entry in record.history if entry.event_id == event.id]
    if is_detail(event.fact):  # it has no entry: the time of the record's last write says whose that was
        times.append(record.webhook_processed_at or "")
    return next((unanswered[at] for at in times if at in unanswered), None)
