"""Runs the command `stripe-emulator`."""

import sys
from typing import Annotated

import typer

from stripe_emulator import settings as environment

cli = typer.Typer(add_completion=False, rich_markup_mode="markdown")
VARIABLES = "\n\n".join(f"- `{name}`: {text}" for name, text in environment.VARIABLES.items())


@cli.command(
    help="Stands in for Stripe in development and tests: API v1, a pay page, signed webhooks, and faults on request."
    f"\n\nEnvironment variables (defaults in brackets):\n\n{VARIABLES}\n\nEvery `sk_test_…` and"
    " `rk_test_…` key is accepted. All data is in memory and is lost when the command ends."
)
def serve(
    host: Annotated[str | None, typer.Option(help="Overrides HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides PORT.")] = None,
) -> None:
    """Serve until stopped."""
    import uvicorn

    from stripe_emulator.api.hang_up import HangUpProtocol
    from stripe_emulator.app import create_app

    options = {"HOST": host, "PORT": port}
    try:
        settings = environment.read({name: str(value) for name, value in options.items() if value is not None})
    except environment.SettingsError as error:
        print(f"stripe-emulator cannot start. Correct these variables:\n{error}", file=sys.stderr)
        raise typer.Exit(2) from error
    uvicorn.run(
        create_app(settings),
        http=HangUpProtocol,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=settings.log_level == "debug",
    )


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
