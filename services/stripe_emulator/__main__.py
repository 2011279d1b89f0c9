"""Runs the command `stripe-emulator`."""

import errno
import os
import socket
import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from stripe_emulator import listening
from stripe_emulator import settings as environment
from stripe_emulator.controls.routes import CONTROLS
from stripe_emulator.listening import url_host
from stripe_emulator.settings import Settings, SettingsError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
cli = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
VARIABLES = "\n\n".join(f"- `{name}`: {text}" for name, text in environment.VARIABLES.items())
CONTROL_LIST = "\n\n".join(f"- `{one.method} {one.path}`: {one.summary}" for one in CONTROLS)


@cli.command(
    help="Stands in for Stripe in development and tests: API v1, a pay page, signed webhooks, and faults on request."
    f"\n\nEnvironment variables (defaults in brackets):\n\n{VARIABLES}\n\nEvery `sk_test_…` and"
    " `rk_test_…` key is accepted. All data is in memory and is lost when the command ends."
    f"\n\nControls that Stripe does not have:\n\n{CONTROL_LIST}\n\n`/openapi.json` describes them, and the page `/`"
    " lists open sessions, deliveries, test cards and controls. `docs/emulator.md` has an example of each."
)
def serve(
    host: Annotated[str | None, typer.Option(help="Overrides HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides PORT.")] = None,
) -> None:
    """Serve until stopped."""
    import uvicorn

    from stripe_emulator.api.hang_up import HangUpProtocol
    from stripe_emulator.app import create_app
    from stripe_emulator.server import IDLE_SECONDS, DrainingServer

    options = {"HOST": host, "PORT": port}
    try:
        settings = environment.read({name: str(value) for name, value in options.items() if value is not None})
    except SettingsError as error:
        _stop(f"Correct these variables:\n{error}")
    try:
        listeners = listen(settings)
    except SettingsError as error:
        _stop(str(error))
    config = uvicorn.Config(
        create_app(settings),
        http=HangUpProtocol,
        timeout_keep_alive=IDLE_SECONDS,
        log_level=settings.log_level,
        access_log=settings.log_level == "debug",
    )
    try:
        DrainingServer(config, settings.drain_seconds).run(sockets=listeners)
    except KeyboardInterrupt:  # Ctrl-C is how a person stops the emulator
        return


def listen(settings: Settings) -> list[socket.socket]:
    """Return the sockets of the emulator, or raise a SettingsError if the port is in use or not allowed."""
    host, port = settings.host, settings.port
    try:
        return listening.listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is in use: stop the program there (`ss -ltnp` names it) or set PORT to another port"
            ) from None
        raise SettingsError(f"cannot listen on {url_host(host)}:{port}: {error}; change HOST or PORT") from None


def _stop(problem: str) -> NoReturn:
    print(f"stripe-emulator cannot start. {problem}", file=sys.stderr)
    raise typer.Exit(2)


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal's encoding can lack a character
    columns = os.environ.get("COLUMNS", "").strip()
    if columns.isdecimal() and int(columns) == 0:
        del os.environ["COLUMNS"]  # in a width of 0 nothing at all is printed
    try:
        cli()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # otherwise Python fails again when it writes the rest at its exit
        problem = f"the output cannot be written ({error.strerror}): make room, or write it elsewhere"
        raise SystemExit(f"✗ {problem}") from None


if __name__ == "__main__":
    main()
