"""Replays Stripe's events: applies them again, oldest first, and prints each change and the number per outcome."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BufferedReader, FileIO
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from lea_payments.commands.console.terminal import Terminal, line, table
from lea_payments.commands.field_changes import field_changes
from lea_payments.commands.progress import Progress
from lea_payments.commands.replaying.event_file import EventText, MoreEvents, event_texts
from lea_payments.commands.replaying.lines import other_change, unmatched
from lea_payments.commands.replaying.source import (
    RETENTION,
    ReplayItem,
    ReplaySourceError,
    Unreadable,
    UnreadableObjects,
    days,
    is_event_id,
    translated,
)
from lea_payments.payment.changes import NO_PAYMENT, Applied
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.settings import ModeSettings, SettingsError, StripeSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.errors import StripeCallError, StripeMissingError
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.text.words import counted

Batches = AsyncIterator[Iterable[ReplayItem]]
"""Events, oldest first; each batch is read when the one before it was applied."""

UNREADABLE, NOT_APPLIED = "unreadable", "not_applied"
"""The outcomes, besides those of events, after which the exit status is 1."""

NO_EVENT = "The source has no event: check the file, or use a wider --since or other --type."
NO_EVENT_OF_PAYMENT = "No event belongs to this payment: check the id with `lea-payments show`, or use a wider --since."
HINTS = {
    UNREADABLE: "unreadable: these parts were left out: get their events again, for example with "
    "`stripe events retrieve evt_…`, or run lea-payments replay --since.",
    Outcome.UNMATCHED: "unmatched: the events marked with ? belong to no payment in this table: check "
    "DYNAMODB_PAYMENTS_TABLE; "
    "or they belong to another system.",
    Outcome.WRONG_MODE: "wrong_mode: the mode of these events differs from STRIPE_LIVEMODE: set it to their mode, and "
    "name the table of that mode.",
}
"""The outcomes that need an explanation, and what to do."""


class ReplayOptions(NamedTuple):
    """The options of a replay; a `dry_run` writes nothing."""

    console: Terminal
    progress: Progress
    payment_id: str | None = None
    dry_run: bool = False


class Replay:
    """One replay; `counts` is the number of events per outcome so far, `reasons` those of events that are ignored."""

    def __init__(self, repairs: Repairs, options: ReplayOptions) -> None:
        self._apply = repairs.simulate if options.dry_run else repairs.repair
        self._console = options.console
        self._is_selection = options.payment_id is not None
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    async def run(self, items: Iterable[ReplayItem]) -> None:
        """Applies the events in this order; after UnavailableError or StripeCallError it is safe to repeat."""
        with _progress(self._console) as progress:
            for item in progress.track(items, description="Replaying"):
                await self._replay(item)

    async def _replay(self, item: ReplayItem) -> None:
        match item:
            case Unreadable(place, reason):
                self._skip(UNREADABLE, place, reason)
            case MoreEvents(place, last_id):
                self._warn(place, last_id)
            case Ignored():
                self.counts[item.outcome] += 1
                self.reasons[item.reason] += 1
            case PaymentEvent():
                await self._replay_event(item)

    async def _replay_event(self, event: PaymentEvent) -> None:
        try:
            applied = await self._apply(event)
        except (UnavailableError, StripeCallError):
            raise
        except Exception as error:  # noqa: BLE001 - one record that cannot be written must not stop the others
            self._skip(NOT_APPLIED, event.id, f"{event.type} cannot be applied: {error}")
        else:
            self._report(event, applied)

    def _report(self, event: PaymentEvent, applied: Applied) -> None:
        if self._is_selection and applied.before is None:
            return
        self.counts[applied.outcome] += 1
        if applied.outcome is Outcome.IGNORED:
            self.reasons[NO_PAYMENT] += 1
        if applied.outcome is Outcome.UNMATCHED:
            self._console.print(line("?", "yellow", unmatched(event)), soft_wrap=True)
        if applied.outcome in CHANGES and applied.before and applied.after:
            changes = field_changes(applied.before, applied.after) or other_change(applied.outcome, event)
            payment_id = applied.after.payment_intent_id
            self._console.print(f"{payment_id}: {changes} ({event.type}, {event.id})", soft_wrap=True)

    def _skip(self, outcome: str, place: str, reason: str) -> None:
        self.counts[outcome] += 1
        self._console.print(line("✗", "red", f"{place}: {reason}"), soft_wrap=True)

    def _warn(self, place: str, last_id: str) -> None:
        after = f" --starting-after {last_id}" if is_event_id(last_id) else ""
        text = (
            f"{place}: this list is not complete (has_more): get the rest with "
            f"`stripe events list --limit 100{after}`, or run lea-payments replay --since"
        )
        self._console.print(line("!", "yellow", text), soft_wrap=True)

    def table(self) -> Table:
        """The number of events per outcome, as a table."""
        rows = [*sorted(self.counts.items()), ("all", self.counts.total())]
        return table("", ("outcome", "events"), [(outcome, str(number)) for outcome, number in rows])

    def hints(self) -> Iterator[str]:
        """The reasons of the events that were ignored, and what to do about events that were not applied."""
        if self.reasons:
            reasons = ", ".join(f"{reason} ({number})" for reason, number in sorted(self.reasons.items()))
            yield f"Ignored because of: {reasons}"
        if not self.counts and not self._is_selection:
            yield NO_EVENT
        if self._is_selection and self.counts.total() == self.reasons.total() + self.counts[UNREADABLE]:
            yield NO_EVENT_OF_PAYMENT
        yield from (hint for outcome, hint in HINTS.items() if self.counts[outcome])


def failed(counts: Counter[str]) -> bool:
    """Whether something could not be read or applied."""
    return bool(counts[UNREADABLE] or counts[NOT_APPLIED])


def from_stripe(
    settings: StripeSettings, options: ReplayOptions, first: int, last: int, types: Sequence[str]
) -> Counter[str]:
    """Replays Stripe's events between two seconds since 1970; returns the counts. Raises SettingsError."""
    unreadable = UnreadableObjects()
    lists = StripeLists(settings, StripeReader(settings), unreadable.add)

    async def batches() -> Batches:
        # Stripe lists the newest events first: a day at a time, they are applied oldest first and few are in memory.
        for since, until in days(first, last):
            events: list[ReplayItem] = []
            options.progress.does(f"reading the events of {datetime.fromtimestamp(since, UTC):%Y-%m-%d} from Stripe")
            async for page in lists.events(since, until, types):
                events.extend(page)
            options.progress.does("applying the events")
            yield [*reversed(events), *unreadable.taken()]

    return _run(settings, options, lists, batches())


def from_event(settings: StripeSettings, options: ReplayOptions, event_id: str, types: Sequence[str]) -> Counter[str]:
    """Replays one event, which it reads from Stripe; returns the counts. Raises SettingsError."""
    reader = StripeReader(settings)
    lists = StripeLists(settings, reader, UnreadableObjects().add)

    async def batches() -> Batches:
        options.progress.does(f"reading {event_id} from Stripe")
        try:
            body = await reader.event(event_id)
        except StripeMissingError:
            raise SettingsError(
                f"Stripe has no event {event_id}: check the id and that STRIPE_SECRET_KEY belongs to its account. "
                f"Stripe keeps events for {RETENTION.days} days: replay an older one from a file"
            ) from None
        yield translated([EventText(event_id, body)], types, livemode=settings.livemode, account=settings.account)

    return _run(settings, options, lists, batches())


def from_file(settings: ModeSettings, options: ReplayOptions, path: str, types: Sequence[str]) -> Counter[str]:
    """Replays the events in a file as it reads them, `-` is standard input; returns the counts.

    Raises SettingsError, and ReplaySourceError if the file cannot be opened.
    """
    try:
        file = BufferedReader(FileIO(0 if path == "-" else path))
    except OSError as error:
        raise ReplaySourceError(f"{path}: {error.strerror}: name a readable file of events, or `-`") from None

    async def batches() -> Batches:
        yield translated(event_texts(file), types, livemode=settings.livemode, account=settings.account)

    with file:
        return _run(settings, options, None, batches())


def _run(settings: ModeSettings, options: ReplayOptions, lists: StripeLists | None, batches: Batches) -> Counter[str]:
    store = PaymentStore(settings, notifications=settings.notifications)
    replay = Replay(Repairs(store, lists, options.payment_id), options)

    async def run() -> None:
        async with store:
            async for batch in batches:
                await replay.run(batch)

    try:
        with options.progress:
            asyncio.run(run())
    except (UnavailableError, StripeCallError) as error:
        raise SettingsError(
            f"{error}; {counted(replay.counts.total(), 'event')} processed: run the same command again, "
            "it applies nothing twice"
        ) from None
    options.console.print(replay.table())
    for hint in replay.hints():
        options.console.print(hint, soft_wrap=True)
    if options.dry_run:
        options.console.print("Nothing was written: this was a dry run.")
    return replay.counts


def _progress(console: Terminal) -> ProgressBar:
    return ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=console.is_terminal,
        disable=not console.is_terminal,
        transient=True,
    )
