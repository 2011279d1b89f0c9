"""The command line: one command for each part and each thing a person does; holds no rule of the business."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from lea_payments import settings as environment
from lea_payments.settings import SettingsError

app = typer.Typer(
    help="Payment records, Stripe webhooks and customer pages around Stripe's hosted Checkout.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command()
def webhook() -> None:
    """Run the receiver of Stripe's events (port 8086, `POST /webhook/stripe`).

    Needs `STRIPE_WEBHOOK_SECRET` or `STRIPE_WEBHOOK_SECRET_FILE`, and the table (`DDB_ENDPOINT`,
    `DYNAMODB_PAYMENTS_TABLE`); it holds no Stripe API key.
    """
    from lea_payments import store, web
    from lea_payments import webhook as part

    settings = environment.read(environment.WebhookSettings)
    web.serve(part.create_app(settings, store.PaymentStore(settings)), settings, settings.port, "webhook")


@app.command()
def pages() -> None:
    """Run the customer's success and cancel pages (port 8085). Reads the table, writes nothing, holds no secret."""
    from lea_payments import pages as part
    from lea_payments import store, web

    settings = environment.read(environment.PagesSettings)
    web.serve(part.create_app(settings, store.PaymentStore(settings)), settings, settings.port, "pages")


@app.command()
def checkout() -> None:
    """Run the checkout API (port 8084, `POST /payments`; described at `/openapi.json`).

    Needs `STRIPE_SECRET_KEY` and `PAYMENTS_API_TOKEN`, and the table.
    """
    from lea_payments import checkout as part
    from lea_payments import store, web

    settings = environment.read(environment.CheckoutSettings)
    web.serve(part.create_app(settings, store.PaymentStore(settings)), settings, settings.port, "checkout")


@app.command("init-table")
def init_table(
    *,
    print_only: Annotated[bool, typer.Option("--print", help="Show the definition as JSON and touch nothing.")] = False,
) -> None:
    """Create the table of payments and its indexes, or add what an existing table lacks. Safe to repeat."""
    from lea_payments import table

    settings = environment.read(environment.TableSettings)
    if print_only:
        typer.echo(json.dumps(table.definition(settings), indent=2))
        return
    typer.echo(table.ensure(table.client(settings), settings))


@app.command()
def show(
    payment_id: Annotated[str | None, typer.Argument(metavar="ID", help="Our own id, such as `payment_123`.")] = None,
    session: Annotated[str | None, typer.Option(help="Find it by Stripe's Checkout Session, `cs_…`.")] = None,
    quote: Annotated[str | None, typer.Option(help="All payments of a quote.")] = None,
    user: Annotated[str | None, typer.Option(help="All payments of a user.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show what happened to a payment: its record, its history, and what became of the last event.

    Give exactly one of ID, `--session`, `--quote` and `--user`.
    """
    from lea_payments import show as part
    from lea_payments import store

    if sum(value is not None for value in (payment_id, session, quote, user)) != 1:
        raise typer.BadParameter("give exactly one of ID, --session, --quote and --user")
    settings = environment.read(environment.TableSettings)
    found = asyncio.run(part.find(store.PaymentStore(settings), payment_id, session, quote, user))
    if as_json:
        typer.echo(part.as_json(found))
    elif found:
        Console().print(*part.as_text(found))
    if not found:
        raise SettingsError(f"no such payment in table {settings.table}; check the id, DDB_ENDPOINT and AWS_REGION")


def main() -> None:
    """Runs the command; every expected trouble is one clear message and exit status 1."""
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        Console(stderr=True).print(
            "\n".join(f"✗ {line}" for line in str(error).splitlines()), style="red", markup=False
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
