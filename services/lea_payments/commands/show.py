"""Finds payments by any id, in the table and at Stripe, and prints them; only reads."""

import asyncio
from collections.abc import Sequence

import typer
from botocore.exceptions import ClientError

from lea_payments.commands.at_stripe.search import Match, SearchResult, StripeSearch, reference
from lea_payments.commands.at_stripe.view import StripeView
from lea_payments.commands.console.terminal import Terminal
from lea_payments.commands.progress import Progress
from lea_payments.commands.showing import document
from lea_payments.commands.showing.findings import Findings, PaymentView, as_text
from lea_payments.commands.showing.query import PaymentQuery, not_found
from lea_payments.payment.record import Payment
from lea_payments.settings import SettingsError, StripeSettings, TableSettings
from lea_payments.store.dynamodb import code_of, with_remedy
from lea_payments.store.errors import UnavailableError
from lea_payments.store.notifications.outbox import Outbox
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.errors import StripeCallError
from lea_payments.stripe.reader import StripeReader
from lea_payments.text.visible import visible_text


def find(settings: TableSettings, query: PaymentQuery) -> Findings:
    """Finds payments, with their state at Stripe if the settings are those of Stripe; raises SettingsError."""
    with Progress() as progress:
        try:
            return asyncio.run(_Search(settings, progress).run(query))
        except UnavailableError as error:
            raise SettingsError(with_remedy(error)) from None
        except ClientError as error:
            raise SettingsError(
                f"DynamoDB rejects the request: {code_of(error)}; check the id and the permissions"
            ) from None
        except StripeCallError as error:
            raise SettingsError(f"{error}; run show without --stripe to see the record alone") from None


def write(terminal: Terminal, findings: Findings, *, what_if: bool, as_json: bool) -> None:
    """Prints what was found, as text or as JSON. JSON has no place for notes about the search, so stderr gets them."""
    if as_json:
        typer.echo(document.as_json(findings, what_if=what_if))
        for note in findings.notes:
            typer.echo(visible_text(note), err=True)
    else:
        terminal.print_lines(as_text(findings, terminal.width, what_if=what_if))


class _Search:
    """One search in the table, and at Stripe if the settings are those of Stripe."""

    def __init__(self, settings: TableSettings, progress: Progress) -> None:
        self._settings = settings
        self._view: StripeView | None = None
        self._at_stripe: StripeSearch | None = None
        if isinstance(settings, StripeSettings):
            reader = StripeReader(settings)
            self._view, self._at_stripe = StripeView(settings, reader), StripeSearch(reader)
        self._outbox = Outbox(settings)
        self._progress = progress

    async def run(self, query: PaymentQuery) -> Findings:
        self._progress.does(f"reading table {self._settings.table}")
        async with PaymentStore(self._settings) as store, self._outbox:
            records = await _in_table(store, query.given_id) or await _in_table(store, query.any_id)
            strays: Sequence[Match] = ()
            notes: Sequence[str] = ()
            if not records and self._at_stripe is not None:
                self._progress.does("searching at Stripe")
                matches, notes = await _at_stripe(self._at_stripe, query)
                records, unknown = await _records_of(store, matches)
                strays = await self._at_stripe.with_later(unknown)
            payments = [await self._viewed(record) for record in records.values()]
        findings = Findings(self._settings.table, payments, strays, notes)
        if not payments and not strays:
            missing = not_found(query, self._settings.table, at_stripe=self._at_stripe is not None)
            raise SettingsError("\n".join([*notes, *missing]))
        return findings

    async def _viewed(self, record: Payment) -> PaymentView:
        state = await self._outbox.state(record.payment_intent_id)
        if self._view is None:
            return PaymentView(record, None, state)
        self._progress.does(f"reading the objects of {record.payment_intent_id} from Stripe")
        return PaymentView(record, await self._view.state_of(record), state)


async def _in_table(store: PaymentStore, any_id: str | None) -> dict[str, Payment]:
    """The records with this id, by the payment's id."""
    if any_id is None:
        return {}
    found = [
        await store.get(any_id),
        await store.record_of(reference(any_id, session_id=any_id, intent_id=any_id)),
    ]
    matches = [*await store.by_quote(any_id), *await store.by_user(any_id)]
    found += [await store.get(payment_id) for payment_id in dict.fromkeys(each.payment_intent_id for each in matches)]
    return {record.payment_intent_id: record for record in found if record is not None}


async def _at_stripe(search: StripeSearch, query: PaymentQuery) -> SearchResult:
    if query.email is not None:
        return await search.by_email(query.email)
    if query.card is not None and query.day is not None:
        return await search.by_card(query.card, query.day)
    return await search.by_id(query.any_id or "")


async def _records_of(store: PaymentStore, matches: Sequence[Match]) -> tuple[dict[str, Payment], list[Match]]:
    """The records that the matches lead to, and the matches that lead to none."""
    records: dict[str, Payment] = {}
    strays = []
    for match in matches:
        record = await store.record_of(match.event())
        if record is None:
            strays.append(match)
        else:
            records[record.payment_intent_id] = record
    return records, strays
