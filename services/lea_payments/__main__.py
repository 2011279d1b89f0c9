"""Defines the command line: one command per task, besides those of the services."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer

from lea_payments import service_commands
from lea_payments.commands.console.run import run
from lea_payments.settings import (
    ModeSettings,
    StripeSettings,
    TableSettings,
    read,
)

app = typer.Typer(
    help="Payment records, Stripe webhooks and customer pages around Stripe's hosted Checkout.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


app.add_typer(service_commands.app)


@app.command("init-table")
def init_table(
    *,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the definition as JSON and change nothing.")
    ] = False,
    wait: Annotated[int, typer.Option(metavar="SECONDS", min=0, help="How long to wait. On AWS 240 by default.")] = 0,
) -> None:
    """Create the table and its indexes, or add the missing parts of an existing table. Safe to repeat."""
    from lea_payments.commands import init_table as command
    from lea_payments.commands.console.terminal import Terminal, json_text
    from lea_payments.store import table
    from lea_payments.telemetry.setup import start_for_commands

    start_for_commands(tells_retries=False)  # a line for each retry would say nothing new
    settings = read(TableSettings)
    if print_only:
        typer.echo(json_text(table.definition(settings)))
        return
    command.run(settings, wait, Terminal())


@app.command()
def check(
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The webhook endpoint's URL at Stripe [default: all with the path /webhook/stripe]"
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the settings, the table and Stripe, and change nothing. The exit status is 1 if something is wrong.

    Checks the table, its indexes and the permissions on them, and compares the mode of `STRIPE_SECRET_KEY` with
    `STRIPE_LIVEMODE`. With a key, it also checks the events and API version of the webhook endpoint, and the clock.
    """
    from lea_payments.commands import check as command
    from lea_payments.commands.console.terminal import Terminal
    from lea_payments.telemetry.setup import start_for_commands

    start_for_commands()
    raise typer.Exit(0 if command.run(Terminal(), endpoint, json_output=as_json) else 1)


@app.command()
def replay(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|evt_…]", help="A file of events, `-` for standard input, or an event's id."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Replay the events at Stripe since then: `2h`, `3d`, a date or a time in ISO 8601."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="With `--since`: up to this time [default: now]")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type. Repeat it for more types.")
    ] = None,
    payment: Annotated[str | None, typer.Option(metavar="ID", help="Only events about this payment.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and write nothing.")] = False,
) -> None:
    """Apply Stripe's events again, from Stripe itself (the last 30 days) or from a file. Safe to repeat.

    A file contains one event per line, pretty-printed events, an array of them, or the output of `stripe events list`,
    in UTF-8 or UTF-16, also in the envelopes of EventBridge. What is not an event, and a record that cannot be written,
    is reported and does not stop the others; the exit status is then 1. Prints a line per change, the number of events
    per outcome and per reason.

    `--since` and the id of an event need `STRIPE_SECRET_KEY`. Every source needs the table. Events whose mode differs
    from `STRIPE_LIVEMODE` are skipped.
    """
    from lea_payments.commands import replay as command
    from lea_payments.commands.console.terminal import Terminal
    from lea_payments.commands.progress import Progress
    from lea_payments.commands.replaying.source import ReplaySourceError, checked_types, is_event_id, window
    from lea_payments.telemetry.setup import start_for_commands

    if (source is None) == (since is None):
        raise typer.BadParameter("give exactly one of FILE, the id of an event (evt_…) and --since")
    if since is None and until is not None:
        raise typer.BadParameter("--until needs --since")
    start_for_commands()
    options = command.ReplayOptions(Terminal(), Progress(), payment, dry_run)
    counts: Counter[str] = Counter()
    try:
        event_types = checked_types(types or ())
        if since is not None:
            first, last = window(since, until, datetime.now(UTC))
            counts = command.from_stripe(read(StripeSettings), options, first, last, event_types)
        elif source is not None and is_event_id(source):
            counts = command.from_event(read(StripeSettings), options, source, event_types)
        elif source is not None:
            counts = command.from_file(read(ModeSettings), options, source, event_types)
    except ReplaySourceError as error:
        raise typer.BadParameter(str(error)) from None
    raise typer.Exit(1 if command.failed(counts) else 0)


@app.command()
def notify(
    payment_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of payments.")] = None,
    *,
    dead_letters: Annotated[
        bool, typer.Option("--dead-lettered", help="All that were given up, at the endpoints where they were.")
    ] = False,
) -> None:
    """Send the notifications of payments again, with their state as it is now. Safe while the notifier runs.

    Makes them due; the notifier sends them within a second, with the same `webhook-id` as before if the payment has not
    changed. Needs the table, and the permission for `dynamodb:UpdateItem`.
    """
    from lea_payments.commands import notify as command
    from lea_payments.commands.console.terminal import Terminal
    from lea_payments.telemetry.setup import start_for_commands

    if bool(payment_ids) is dead_letters:
        raise typer.BadParameter("give the ids of payments, or --dead-lettered")
    if any(not payment_id.strip() for payment_id in payment_ids or ()):
        raise typer.BadParameter("an id is empty: give the ids of payments, as `lea-payments show` prints them")
    start_for_commands()
    sent = command.run(read(TableSettings), payment_ids or (), Terminal(), only_dead_letters=dead_letters)
    raise typer.Exit(0 if sent else 1)


@app.command()
def show(
    any_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Any id: of a payment, a quote, a user, a session (`cs_…`), a PaymentIntent (`pi_…`), a refund, a "
            "dispute, a fraud warning or a charge.",
        ),
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="With `--stripe`: what this customer has paid.")
    ] = None,
    card: Annotated[
        str | None, typer.Option(metavar="LAST4", help="With `--stripe` and `--day`: what a card has paid.")
    ] = None,
    day: Annotated[str | None, typer.Option(metavar="DATE", help="The day for `--card`, such as 2026-11-27.")] = None,
    *,
    stripe: Annotated[
        bool,
        typer.Option("--stripe", help="Compare with Stripe, and search there. Needs `STRIPE_SECRET_KEY`."),
    ] = False,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also show what the next event of each type would change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show what happened to a payment: the answer in one sentence, its money, its history and its objects.

    With `--stripe`, compares each object with Stripe's, and names what differs, what repairs it, and what was not read.
    It then also finds payments without a record, and the payments of refunds, disputes and fraud warnings.

    The exit status is 0, or 2 if the record and Stripe do not agree, and 1 if there is no such payment or an error.
    """
    from lea_payments.commands import show as command
    from lea_payments.commands.console.terminal import Terminal
    from lea_payments.commands.showing.query import QueryError, checked
    from lea_payments.telemetry.setup import start_for_commands

    try:
        query = checked(any_id, email, card, day, at_stripe=stripe)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from None
    start_for_commands()
    found = command.find(read(StripeSettings if stripe else TableSettings), query)
    command.write(Terminal(), found, what_if=what_if, as_json=as_json)
    raise typer.Exit(found.exit_status)


def main() -> None:
    """Runs the command line."""
    run(app)


if __name__ == "__main__":
    main()
