"""The commands of recovery: repair from Stripe's records, replay, and what happened to a payment; no rule in it."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from lea_payments import settings as environment
from lea_payments.settings import SettingsError

app = typer.Typer()


@app.command()
def reconciler(
    *, once: Annotated[bool, typer.Option("--once", help="Run once, say what came of it, and end.")] = False
) -> None:
    """Repair payments from Stripe's own records, every five minutes (health on port 8083).

    Looks at the undelivered events of three days, the Checkout Sessions of 26 hours, and what came before its payment
    could be known, and applies what is missing as the webhook would have. Safe to run twice, and beside the webhook.

    Needs `STRIPE_SECRET_KEY` and the table. `RECONCILER_INTERVAL_SECONDS` changes the pause.
    """
    from lea_payments import reconciler as part
    from lea_payments import store, web

    settings = environment.read(environment.ReconcilerSettings)
    if not once:
        web.serve(part.create_app(settings, store.PaymentStore(settings)), settings, settings.port, "reconciler")
        return
    run = part.once(settings)
    typer.echo(
        f"{run.outcome}: looked at {run.looked_at}, {run.drift} payments differed, {run.repaired} changes made",
        err=True,
    )
    if run.trouble:
        raise SettingsError(run.trouble)


@app.command()
def replay(
    file: Annotated[
        typer.FileBinaryRead | None,
        typer.Argument(metavar="[FILE]", help="Events as JSON, one a line; `-` is standard input."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Ask Stripe for the events since then: `2h`, `3d`, a date or a time in ISO 8601.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And up to then [default: now]")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; repeat it for more.")
    ] = None,
    payment: Annotated[str | None, typer.Option(metavar="ID", help="Only what this payment is about.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")] = False,
) -> None:
    """Apply Stripe's events again, from Stripe itself (30 days back) or from a file. What is done stays as it is.

    Prints a line for each change and how many events came to what. A line of the file that is no event is named and
    keeps no other from being applied; the exit status is then 1.

    `--since` needs `STRIPE_SECRET_KEY`; both need the table, and events of the other mode than `STRIPE_LIVEMODE` are
    left alone.
    """
    from lea_payments import observability
    from lea_payments import replay as part
    from lea_payments.replay_source import WrongQuestion, checked_types, window

    if (file is None) == (since is None):
        raise typer.BadParameter("give either FILE or --since")
    if file is not None and until is not None:
        raise typer.BadParameter("--until goes with --since")
    observability.for_a_person()
    plan = part.Plan(Console(), payment, dry_run)
    counts: Counter[str] = Counter()
    try:
        wanted = checked_types(types or ())
        if since is not None:
            first, last = window(since, until, datetime.now(UTC))
            counts = part.from_stripe(environment.read(environment.StripeSettings), plan, first, last, wanted)
        elif file is not None:
            counts = part.from_file(environment.read(environment.ModeSettings), plan, file, wanted)
    except WrongQuestion as wrong:
        raise typer.BadParameter(str(wrong)) from None
    raise typer.Exit(1 if counts[part.BAD_LINE] else 0)


@app.command()
def show(
    payment_id: Annotated[str | None, typer.Argument(metavar="ID", help="Our own id, such as `payment_123`.")] = None,
    session: Annotated[str | None, typer.Option(help="Find it by Stripe's Checkout Session, `cs_…`.")] = None,
    quote: Annotated[str | None, typer.Option(help="All payments of a quote.")] = None,
    user: Annotated[str | None, typer.Option(help="All payments of a user.")] = None,
    *,
    stripe: Annotated[
        bool, typer.Option("--stripe", help="Ask Stripe too, and say where the two differ; needs `STRIPE_SECRET_KEY`.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show what happened to a payment: its record, its history, and what became of the last event.

    Give exactly one of ID, `--session`, `--quote` and `--user`. The exit status is 1 when there is no such payment.
    """
    from lea_payments import observability
    from lea_payments import show as part

    wanted = part.Wanted(payment_id, session, quote, user)
    if sum(value is not None for value in wanted) != 1:
        raise typer.BadParameter("give exactly one of ID, --session, --quote and --user")
    observability.for_a_person()
    asked = environment.read(environment.StripeSettings) if stripe else None
    settings = asked or environment.read(environment.TableSettings)
    found = part.find(settings, wanted, asked)
    if as_json:
        typer.echo(part.as_json(found))
    elif found:
        Console().print(*part.as_text(found), sep="\n")
    if not found:
        raise SettingsError(f"no such payment in table {settings.table}; check the id, DDB_ENDPOINT and AWS_REGION")
