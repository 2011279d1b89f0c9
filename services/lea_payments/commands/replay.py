"""Events applied again, one after the other, oldest first: a line for each change, and what became of all."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lea_payments.commands.explain import moves
from lea_payments.commands.replay_source import BadLine, events_in
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.settings import ModeSettings, SettingsError, StripeSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import Applied, PaymentStore
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.lists import StripeRecords
from lea_payments.stripe.reader import StripeCallError, StripeCalls

UNREADABLE = "unreadable"


Found = PaymentEvent | Ignored | BadLine


class ReplayOptions(NamedTuple):
    """What is wanted of a replay; a `dry_run` decides all and writes nothing."""

    console: Console
    payment_id: str | None = None
    dry_run: bool = False


class Replay:
    """One replay, and what has come of it so far."""

    def __init__(self, repairs: Repairs, options: ReplayOptions) -> None:
        self._decide = repairs.simulate if options.dry_run else repairs.repair
        self._console = options.console
        self._payment_id = options.payment_id
        self.counts: Counter[str] = Counter()

    async def of(self, found: Iterable[Found]) -> None:
        """Applies them in this order. After UnavailableError or StripeCallError the same command may be repeated."""
        everything = list(found)
        with _bar(self._console) as bar:
            for one in bar.track(everything, description="Replaying"):
                await self._one(one)

    async def _one(self, found: Found) -> None:
        if isinstance(found, BadLine):
            self.counts[UNREADABLE] += 1
            self._console.print(f"[red]✗[/] line {found.number}: {escape(found.reason)}", soft_wrap=True)
        elif isinstance(found, Ignored):
            self.counts[found.outcome] += 1
        elif self._payment_id is None or found.payment_id in (None, self._payment_id):
            self._count(found, await self._decide(found))

    def _count(self, event: PaymentEvent, applied: Applied) -> None:
        ours = applied.before and applied.before.payment_intent_id
        if self._payment_id is not None and ours != self._payment_id:
            return
        self.counts[applied.outcome] += 1
        if applied.outcome in CHANGES and applied.before and applied.after:
            what = moves(applied.before, applied.after) or f"{applied.outcome}: a person must look"
            self._console.print(f"{ours}: {what} ({event.type}, {event.id})", markup=False, soft_wrap=True)

    def table(self) -> Table:
        """How many events came to what."""
        view = Table("outcome", "events", box=box.SIMPLE)
        for outcome, number in sorted(self.counts.items()):
            view.add_row(outcome, str(number))
        view.add_row("all", str(self.counts.total()))
        return view


def from_stripe(
    settings: StripeSettings, options: ReplayOptions, first: int, last: int, types: Sequence[str]
) -> Counter[str]:
    """Replays what Stripe has between two seconds since 1970; gives the counts. Raises SettingsError."""
    records = StripeRecords(settings, StripeCalls(settings))

    async def events() -> Iterable[Found]:
        found: list[PaymentEvent] = []
        with options.console.status("Asking Stripe for its events") as status:
            async for page in records.events(first, last, types):
                found.extend(page)
                status.update(f"Asking Stripe for its events: {len(found)}")
        return found[::-1]

    return _run(settings, options, records, events)


def from_file(
    settings: ModeSettings, options: ReplayOptions, lines: Iterable[bytes], types: Sequence[str]
) -> Counter[str]:
    """Replays the events in these lines; gives the counts. Raises SettingsError."""

    async def events() -> Iterable[Found]:
        found = events_in(lines, livemode=settings.livemode)
        return [one for one in found if isinstance(one, BadLine) or not types or one.type in types]

    return _run(settings, options, None, events)


def _run(
    settings: ModeSettings,
    options: ReplayOptions,
    records: StripeRecords | None,
    events: Callable[[], Coroutine[Any, Any, Iterable[Found]]],
) -> Counter[str]:
    store = PaymentStore(settings)
    replay = Replay(Repairs(store, records), options)

    async def whole() -> None:
        async with store:
            await replay.of(await events())

    try:
        asyncio.run(whole())
    except (UnavailableError, StripeCallError) as trouble:
        raise SettingsError(
            f"{trouble}; {replay.counts.total()} events are done: repeat the same command, those change nothing more"
        ) from None
    options.console.print(replay.table())
    if options.dry_run:
        options.console.print("Nothing was written: this was a dry run.")
    return replay.counts


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
