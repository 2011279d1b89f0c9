"""The command line of the demo: run everything on this machine, and follow one payment through it."""

from typing import Annotated, Literal

import typer

from lea_demo.settings import DemoSettings
from lea_payments.commands.console.run import run as run_commands
from lea_payments.commands.console.terminal import Terminal, json_text
from lea_payments.settings import read

CARD = "4242424242424242"
app = typer.Typer(
    help="LEA Payments on this machine, without Docker or a Stripe account.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command()
def run() -> None:
    """Run the services on this machine, with a Stripe emulator and DynamoDB Local. Ctrl-C stops everything.

    Creates an example payment and prints one line per event. Payments are kept in `.data/dynamodb`. With
    `STRIPE_SECRET_KEY` (sk_test_…) and `STRIPE_WEBHOOK_SECRET` of a Stripe sandbox, in the environment or in `.env`,
    it uses that sandbox instead of the emulator. With `NOTIFY_URL` and `NOTIFY_SECRET` of your receiver, which can be
    on this machine, it sends the notifications there, of all types or those in `NOTIFY_EVENTS`. An agent's client
    starts `mcp` itself: see `lea-demo desktop`.

    Ports, each with its variable: `DEMO_CHECKOUT_PORT` 8084, `DEMO_PAGES_PORT` 8085, `DEMO_WEBHOOK_PORT` 8086,
    `DEMO_RECONCILER_PORT` 8083, `DEMO_NOTIFIER_PORT` 8079, `DEMO_EMULATOR_PORT` 8087, `DEMO_DYNAMODB_PORT` 8000,
    `DEMO_WEBHOOK_METRICS_PORT` 9464, `DEMO_PAGES_METRICS_PORT` 9465, `DEMO_CHECKOUT_METRICS_PORT` 9466,
    `DEMO_RECONCILER_METRICS_PORT` 9467, `DEMO_NOTIFIER_METRICS_PORT` 9468.
    """
    from lea_demo.supervisor import start

    raise typer.Exit(start(read(DemoSettings), Terminal(soft_wrap=True)))


@app.command()
def flow(  # noqa: PLR0913 - one parameter for each option
    card: Annotated[list[str] | None, typer.Option(help="A test card to pay with. Declined cards first.")] = None,
    delayed: Annotated[Literal["succeeded", "failed"] | None, typer.Option(help="Pay by bank transfer.")] = None,
    amount: Annotated[int, typer.Option(help="In minor units: 12000 is 120.00 SGD.")] = 12000,
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "sgd",
    checkout: Annotated[str, typer.Option(help="URL of the checkout API [default: http://localhost:8084]")] = "",
    pages: Annotated[str, typer.Option(help="URL of the pages [default: http://localhost:8085]")] = "",
    timeout: Annotated[float | None, typer.Option(help="Seconds [default: 30, or 900 if a person pays]")] = None,
    *,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Sell with the agent's tools instead, in a scripted talk.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON report on stdout, the rest on stderr.")] = False,
) -> None:
    """Follow one payment through all services, for example those of `make demo`, from its link to its end.

    With `--card` or `--delayed` it pays at the emulator. Without them you pay in the browser, at the emulator or in
    a Stripe sandbox. With `--mcp` a scripted agent sells a policy with the tools of `lea-payments mcp`, and its
    customer pays at the emulator. The exit status is 0 if the webhook's event, the final status and the success page
    are right; otherwise each ✗ says what to do. The API's token comes from `PAYMENTS_API_TOKEN`; the default is the
    demo's.

    Cards: 4242424242424242 pays; 4000000000009995, 4000000000000002 and 4000000000000341 are declined.
    """
    from lea_demo.agent import desktop
    from lea_demo.client import Client
    from lea_demo.flow import Flow

    settings = read(DemoSettings)
    client = Client(checkout or settings.url("checkout"), pages or settings.url("pages"), settings.api_tokens[0])
    console = Terminal(stderr=as_json, soft_wrap=True)
    seconds = timeout or (30 if card or delayed else 900)
    if mcp:
        from lea_demo.agent.conversation import Conversation

        variables = desktop.variables(checkout or settings.url("checkout"), settings.api_tokens[0], amount, currency)
        report = Conversation(client, console, variables, amount, currency, card or (CARD,)).run()
    else:
        report = Flow(client, console, amount, currency, card or (), delayed, seconds).run()
    if as_json:
        typer.echo(json_text(report))
    raise typer.Exit(0 if report["ok"] else 1)


@app.command("desktop")
def connect_desktop() -> None:
    """Print what to paste into the settings of a desktop client, so that it sells with the tools of this demo.

    The client then starts `lea-payments mcp` itself, and talks to it over standard input and output.
    """
    from lea_demo.agent import desktop

    settings = read(DemoSettings)
    typer.echo(json_text(desktop.connection(settings.url("checkout"), settings.api_tokens[0])))


def main() -> None:
    """Runs the command line."""
    run_commands(app)


if __name__ == "__main__":
    main()
