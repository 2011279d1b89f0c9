"""Replays Stripe's events: applies them again, oldest first, and prints each change and the number per outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from io import BufferedReader, FileIO
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lea_payments.commands.event_file import EventText, event_texts
from lea_payments.commands.explain import field_changes
from lea_payments.commands.replay_source import RETENTION, ReplayItem, ReplaySourceError, Unreadable, translated
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.settings import ModeSettings, SettingsError, StripeSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.errors import StripeCallError, StripeMissingError
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry

UNREADABLE = "unreadable"


class ReplayOptions(NamedTuple):
    """The options of a replay; a `dry_run` writes nothing."""

    console: Console
    payment_id: str | None = None
    dry_run: bool = False


class Replay:
    """One replay; `counts` is the number of events per outcome so far."""

    def __init__(self, repairs: Repairs, options: ReplayOptions) -> None:
        self._apply = repairs.simulate if options.dry_run else repairs.repair
        self._console = options.console
        self._payment_id = options.payment_id
        self.counts: Counter[str] = Counter()

    async def run(self, items: Iterable[ReplayItem]) -> None:
        """Applies the events in this order; after UnavailableError or StripeCallError it is safe to repeat."""
        with _progress(self._console) as progress:
            for item in progress.track(items, description="Replaying"):
                await self._replay(item)

    async def _replay(self, item: ReplayItem) -> None:
        if isinstance(item, Unreadable):
            self.counts[UNREADABLE] += 1
            self._console.print(f"[red]✗[/] {item.place}: {escape(item.reason)}", soft_wrap=True)
        elif isinstance(item, Ignored):
            self.counts[item.outcome] += 1
        else:
            self._report(item, await self._apply(item))

    def _report(self, event: PaymentEvent, applied: Applied) -> None:
        payment_id = applied.before and applied.before.payment_intent_id
        if self._payment_id is not None and payment_id != self._payment_id:
            return
        self.counts[applied.outcome] += 1
        if applied.outcome in CHANGES and applied.before and applied.after:
            changes = field_changes(applied.before, applied.after) or f"{applied.outcome}: a person must review it"
            self._console.print(f"{payment_id}: {changes} ({event.type}, {event.id})", markup=False, soft_wrap=True)

    def table(self) -> Table:
        """The number of events per outcome, as a table."""
        table = Table("outcome", "events", box=box.SIMPLE)
        for outcome, number in sorted(self.counts.items()):
            table.add_row(outcome, str(number))
        table.add_row("all", str(self.counts.total()))
        return table


def from_stripe(
    settings: StripeSettings, options: ReplayOptions, first: int, last: int, types: Sequence[str]
) -> Counter[str]:
    """Replays Stripe's events between two seconds since 1970; returns the counts. Raises SettingsError."""
    lists = StripeLists(settings, StripeReader(settings), telemetry.stripe_object_unreadable)

    async def items() -> Iterable[ReplayItem]:
        events: list[PaymentEvent] = []
        with options.console.status("Reading events from Stripe") as status:
            async for page in lists.events(first, last, types):
                events.extend(page)
                status.update(f"Reading events from Stripe: {len(events)}")
        return events[::-1]

    return _run(settings, options, lists, items)


def from_event(settings: StripeSettings, options: ReplayOptions, event_id: str, types: Sequence[str]) -> Counter[str]:
    """Replays one event, which it reads from Stripe; returns the counts. Raises SettingsError."""
    reader = StripeReader(settings)
    lists = StripeLists(settings, reader, telemetry.stripe_object_unreadable)

    async def items() -> Iterable[ReplayItem]:
        try:
            body = await reader.get(f"/v1/events/{event_id}")
        except StripeMissingError:
            raise SettingsError(
                f"Stripe has no event {event_id}: check the id and that STRIPE_SECRET_KEY belongs to its account. "
                f"Stripe keeps events for {RETENTION.days} days: replay an older one from a file"
            ) from None
        return translated([EventText(event_id, body)], types, livemode=settings.livemode, account=settings.account)

    return _run(settings, options, lists, items)


def from_file(settings: ModeSettings, options: ReplayOptions, path: str, types: Sequence[str]) -> Counter[str]:
    """Replays the events in a file as it reads them, `-` is standard input; returns the counts.

    Raises SettingsError, and ReplaySourceError if the file cannot be opened.
    """
    try:
        file = BufferedReader(FileIO(0 if path == "-" else path))
    except OSError as error:
        raise ReplaySourceError(f"{path}: {error.strerror}: name a readable file of events, or `-`") from None

    async def items() -> Iterable[ReplayItem]:
        return translated(event_texts(file), types, livemode=settings.livemode, account=settings.account)

    with file:
        return _run(settings, options, None, items)


def _run(
    settings: ModeSettings,
    options: ReplayOptions,
    lists: StripeLists | None,
    items: Callable[[], Coroutine[Any, Any, Iterable[ReplayItem]]],
) -> Counter[str]:
    store = PaymentStore(settings)
    replay = Replay(Repairs(store, lists), options)

    async def run() -> None:
        async with store:
            await replay.run(await items())

    try:
        asyncio.run(run())
    except (UnavailableError, StripeCallError) as error:
        raise SettingsError(
            f"{error}; {replay.counts.total()} events were processed: run the same command again, "
            "it does not apply them twice"
        ) from None
    options.console.print(replay.table())
    if options.dry_run:
        options.console.print("Nothing was written: this was a dry run.")
    return replay.counts


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
