"""Compares records with Stripe's sessions and events, and repairs the differences."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.reconciler.run import Run, RunOutcome
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.errors import StripeCallError
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.stripe.lists import PATHS, StripeLists
from lea_payments.telemetry import reconciler as telemetry
from lea_payments.telemetry import store_calls

HOUR = 3600
SESSIONS_HOURS = 26
"""A session expires after at most 24 hours (docs.stripe.com/api/checkout/sessions); 2 more allow for clock skew."""

EVENTS_HOURS = 72
"""How long Stripe itself retries a delivery (docs.stripe.com/webhooks); `replay` is for older events."""

TYPES_WITHOUT_SESSION = tuple(
    event_type for event_type in EVENT_TYPES if not event_type.startswith("checkout.session.")
)
"""Events that can have a PaymentIntent as their only reference, by which a payment is found once it is completed."""

GRACE_SECONDS = 5.0
"""How long the webhook has to apply an event that is on its way before the event counts as missing."""

CONCURRENCY = 50


class Reconciler:
    """Runs the comparison; keeps no state between runs and can run beside the webhook and other reconcilers."""

    def __init__(
        self,
        store: PaymentStore,
        stripe: StripeLists,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._now = now
        self._sleep = sleep

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
            telemetry.run_finished(
                span, run.outcome, run.problem, checked=run.checked, repaired=run.repaired, drift=run.drift
            )
        return run

    async def work(self, interval_seconds: float) -> None:
        """Runs forever, with a pause between the runs."""
        while True:
            await self.run()
            await asyncio.sleep(interval_seconds)

    async def _run(self, run: Run) -> None:
        repairs = Repairs(self._store, self._stripe)
        from_sessions: list[PaymentEvent] = []
        from_events: list[PaymentEvent] = []
        try:
            # Sessions first: they link a PaymentIntent to a payment for events that have no other reference.
            await self._compare_objects(repairs, run, from_sessions)
            await self._compare_events(repairs, run, from_events)
        except StripeCallError as error:
            run.fail_at_stripe(error)
        if from_sessions or from_events:
            await self._sleep(GRACE_SECONDS)
        # Stripe's own events first, so that the history names them; the derived events then change nothing more.
        for missing in (from_events, from_sessions):
            await _for_each(run, missing, lambda event: _repair(repairs, run, event))

    async def _compare_objects(self, repairs: Repairs, run: Run, missing: list[PaymentEvent]) -> None:
        for object_type in PATHS:
            async for page in self._stripe.objects(object_type, self._since(SESSIONS_HOURS)):
                for event in page:
                    if event.session_id is not None:
                        repairs.remember(event)
                await _for_each(run, page, lambda event: _compare(repairs, run, event, missing))

    async def _compare_events(self, repairs: Repairs, run: Run, missing: list[PaymentEvent]) -> None:
        async for page in self._stripe.events(self._since(EVENTS_HOURS), undelivered=True):
            await _for_each(run, page, lambda event: _compare(repairs, run, event, missing))
        # An event that arrived before its payment was completed found no payment, and was answered with 2xx.
        async for page in self._stripe.events(self._since(SESSIONS_HOURS), types=TYPES_WITHOUT_SESSION):
            events = [event for event in page if not event.payment_ids]
            await _for_each(run, events, lambda event: _compare(repairs, run, event, missing))

    def _since(self, hours: int) -> int:
        return int(self._now()) - hours * HOUR


async def _compare(repairs: Repairs, run: Run, event: PaymentEvent, missing: list[PaymentEvent]) -> None:
    run.checked += 1
    if (await repairs.preview(event)).outcome in CHANGES:
        missing.append(event)


async def _repair(repairs: Repairs, run: Run, event: PaymentEvent) -> None:
    outcome, before, after = await repairs.repair(event)
    if before is None or after is None or outcome not in CHANGES:
        return  # another process was faster, which is not drift
    run.count_repair(after.payment_intent_id)
    telemetry.payment_repaired(outcome, event, before, after)


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
