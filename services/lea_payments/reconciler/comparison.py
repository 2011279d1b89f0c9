"""Compares records with Stripe's objects and events, and repairs the differences."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.facts import is_detail
from lea_payments.reconciler import waiting
from lea_payments.reconciler.lookups import LOOKUPS_PER_RUN, SessionLookups
from lea_payments.reconciler.payable import payable_sessions
from lea_payments.reconciler.run import Run, RunOutcome
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.repairs import EVENTS_HOURS, OBJECTS_HOURS, Repairs
from lea_payments.stripe import facts
from lea_payments.stripe.errors import StripeCallError, StripeRefusedError
from lea_payments.stripe.events import REQUIRED_EVENT_TYPES, Ignored
from lea_payments.stripe.lists import EVENTS_PATH, PATHS, StripeLists
from lea_payments.telemetry import store_calls
from lea_payments.telemetry.services import reconciler as telemetry

HOUR = 3600

TYPES_WITHOUT_SESSION = tuple(
    event_type for event_type in REQUIRED_EVENT_TYPES if not event_type.startswith("checkout.session.")
)
"""Events that can have a PaymentIntent as their only reference, by which a payment is found once it is completed."""

GRACE_SECONDS = 5.0
"""How long the webhook has to apply an event that is on its way before the event counts as missing."""

CONCURRENCY = 50


Pages = AsyncIterator[Sequence[PaymentEvent | Ignored]]


class Reconciler:
    """Runs the comparison; can run beside the webhook and other reconcilers.

    Between runs it remembers only when it has read the sessions of each payment that waits for its money, and the
    sessions of PaymentIntents that no record knew.
    """

    def __init__(
        self,
        store: PaymentStore,
        stripe: StripeLists,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        limit: float = LOOKUPS_PER_RUN,
    ) -> None:
        """A run looks up at most `limit` PaymentIntents and `limit` waiting sessions."""
        self._store = store
        self._stripe = stripe
        self._now = now
        self._sleep = sleep
        self._limit = limit
        self._read_times = waiting.ReadTimes(now)
        self._lookups = SessionLookups(stripe, now, limit)

    async def run(self) -> Run:
        """Compares everything in the time window once; errors do not raise but set the run's outcome."""
        run = Run()
        with telemetry.run_span() as span, store_calls.without_spans():
            try:
                await self._run(run)
            except UnavailableError as error:
                run.fail(RunOutcome.TABLE_UNAVAILABLE, str(error))
            except StripeCallError as error:
                run.fail_at_stripe(error)
            except Exception:  # noqa: BLE001 - the next run tries again, and the log has the traceback
                run.fail(RunOutcome.ERROR, "internal error: see the traceback in the log")
                telemetry.reconciler_failed()
            run.lookups_left += self._lookups.left
            telemetry.run_finished(
                span,
                run.outcome,
                run.problem,
                checked=run.checked,
                repaired=run.repaired,
                drift=run.drift,
                payable=run.payable,
                lookups_left=run.lookups_left,
            )
        return run

    async def work(self, interval_seconds: float) -> None:
        """Runs forever, with a pause between the runs."""
        while True:
            await self.run()
            await asyncio.sleep(interval_seconds)

    async def _run(self, run: Run) -> None:
        self._lookups.start_run()
        repairs = Repairs(self._store, self._lookups)
        from_objects: list[PaymentEvent] = []
        from_events: list[PaymentEvent] = []
        lists = self._stripe
        try:
            # Sessions first: they link a PaymentIntent to a payment for objects that have no other reference.
            for object_type, path in PATHS.items():
                objects = lists.objects(object_type, self._since(OBJECTS_HOURS))
                await _compare_pages(repairs, run, path, objects, from_objects)
            undelivered = lists.events(self._since(EVENTS_HOURS), undelivered=True)
            await _compare_pages(repairs, run, EVENTS_PATH, undelivered, from_events)
            recent = lists.events(self._since(OBJECTS_HOURS), types=TYPES_WITHOUT_SESSION)
            await _compare_pages(repairs, run, EVENTS_PATH, _without_payment_ids(recent), from_events)
            await _compare_pages(repairs, run, PATHS[facts.SESSION], self._waiting_sessions(run), from_objects)
            for payment_id, session_id in await payable_sessions(lists, self._store, self._now()):
                run.payable += 1
                telemetry.payable_session_found(payment_id, session_id)
        except StripeCallError as error:
            run.fail_at_stripe(error)
        if from_objects or from_events:
            await self._sleep(GRACE_SECONDS)
        # Stripe's own events first, so that the history names them; the objects then change nothing more.
        for missing in (from_events, from_objects):
            await _for_each(run, missing, lambda event: _repair(repairs, run, event))

    async def _waiting_sessions(self, run: Run) -> Pages:
        """The sessions whose delayed payment can have settled without an event and that are too old for the list."""
        due = self._read_times.due(
            [payment_id for day in waiting.days(self._now()) for payment_id in await self._store.awaiting_funds(day)]
        )
        calls = 0
        for position, payment_id in enumerate(due):
            if calls >= self._limit:
                run.lookups_left += len(due) - position
                return
            record = await self._store.get(payment_id)
            for session_id in waiting.waiting_sessions(record) if record else ():
                if session_id not in run.listed_sessions:
                    calls += 1
                    yield await self._stripe.session(session_id)
            self._read_times.was_read(payment_id)

    def _since(self, hours: int) -> int:
        return int(self._now()) - hours * HOUR


async def _without_payment_ids(pages: Pages) -> Pages:
    """The events that name no payment: before their payment was completed, they found none and were answered 2xx."""
    async for page in pages:
        yield [event for event in page if isinstance(event, PaymentEvent) and not event.payment_ids]


async def _compare_pages(repairs: Repairs, run: Run, path: str, pages: Pages, missing: list[PaymentEvent]) -> None:
    """Adds the events that would change their payment to `missing`. A list that Stripe refuses does not end the run."""
    try:
        async for page in pages:
            events = [event for event in page if isinstance(event, PaymentEvent)]
            for event in events:
                if event.session_id is not None:
                    repairs.remember(event)
                if event.type == facts.SESSION:
                    run.listed_sessions.add(event.object_id)
            await _for_each(run, events, lambda event: _compare(repairs, run, event, missing))
    except StripeRefusedError as error:
        run.fail_at_stripe(error, path)


async def _compare(repairs: Repairs, run: Run, event: PaymentEvent, missing: list[PaymentEvent]) -> None:
    if not is_detail(event.fact):
        run.checked += 1
    if (await repairs.preview(event)).outcome in CHANGES:
        missing.append(event)


async def _repair(repairs: Repairs, run: Run, event: PaymentEvent) -> None:
    applied = await repairs.repair(event)
    before, after = applied.before, applied.after
    if before is None or after is None or applied.outcome not in CHANGES:
        return  # another process was faster, which is not drift
    if is_detail(event.fact):
        return  # nothing that is published depends on it, so nothing was wrong
    run.count_repair(before, after)
    telemetry.payment_repaired(applied.outcome, event, before, after)


async def _for_each(
    run: Run, events: Iterable[PaymentEvent], action: Callable[[PaymentEvent], Awaitable[None]]
) -> None:
    """Runs the action for each event, a limited number at a time; stops only if the table or Stripe is unavailable."""
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(event: PaymentEvent) -> None:
        async with limit:
            try:
                await action(event)
            except (UnavailableError, StripeCallError):
                raise
            except Exception:  # noqa: BLE001 - one record that cannot be written must not block the other repairs
                run.fail(RunOutcome.ERROR, f"event {event.id} cannot be applied: see the traceback in the log")
                telemetry.reconciler_failed(event.id)

    try:
        async with asyncio.TaskGroup() as group:
            for event in events:
                group.create_task(one(event))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
