"""Runs a command line and prints expected errors as one message with exit status 1."""

import typer
from rich.console import Console

from lea_payments.settings import SettingsError


def run(app: typer.Typer) -> None:
    """Runs the command that the arguments name and exits the process."""
    try:
        app(standalone_mode=True)
    except SettingsError as error:
        Console(stderr=True).print(
            "\n".join(f"✗ {line}" for line in str(error).splitlines()), style="red", markup=False, soft_wrap=True
        )
        raise SystemExit(1) from None
