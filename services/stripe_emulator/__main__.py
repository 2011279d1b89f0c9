"""The command `stripe-emulator`: reads the environment and serves; holds no behaviour of its own."""

import os
import sys
from typing import Annotated

import typer

from stripe_emulator import settings as environment

cli = typer.Typer(add_completion=False, rich_markup_mode="markdown")
VARIABLES = "\n\n".join(f"- `{name}`: {text}" for name, text in environment.VARIABLES.items())


@cli.command(
    help="A Stripe for development and tests: API v1, a hosted pay page, signed webhooks, and faults on request."
    f"\n\nEnvironment (defaults in brackets):\n\n{VARIABLES}\n\nAny `sk_test_…` key is accepted."
    " Everything is kept in memory and gone at the end."
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
    given = {name: str(value) for name, value in options.items() if value is not None}
    try:
        settings = environment.read(os.environ | given)
    except environment.WrongSettingsError as wrong:
        print(f"stripe-emulator cannot start:\n{wrong}", file=sys.stderr)
        raise typer.Exit(2) from wrong
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
