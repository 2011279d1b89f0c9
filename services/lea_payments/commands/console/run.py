"""Runs a command line. A service that starts without an error loads nothing that prints."""

import gc
import os
import sys
import traceback
from io import TextIOWrapper
from typing import TYPE_CHECKING

import typer

from lea_payments.environment import strip_variables_of_libraries
from lea_payments.settings import SettingsError
from lea_payments.telemetry.tracing.variables import take_variables
from lea_payments.text.visible import visible_text

if TYPE_CHECKING:
    from lea_payments.commands.console.terminal import Terminal


def run(app: typer.Typer) -> None:
    """Runs the command that the arguments name and exits the process."""
    # What an import creates stays. To look for garbage there every 700 objects takes a tenth of a service's start.
    gc.set_threshold(100_000)
    strip_variables_of_libraries(os.environ)
    take_variables()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal's encoding can lack a character
    raise SystemExit(_status(app))


def _status(app: typer.Typer) -> int:
    try:
        status: int | None = app(standalone_mode=False)
    except SettingsError as error:
        _errors().print_lines((f"✗ {each}" for each in str(error).split("\n")), "red")
    except typer.TyperException as error:
        from typer.rich_utils import rich_format_error

        error.message = visible_text(error.message)
        rich_format_error(error)  # type: ignore[arg-type]  # its class is private in typer
        return error.exit_code
    except typer.Abort:
        _errors().print("✗ aborted", style="red")
    except Exception:  # noqa: BLE001 - a traceback can quote data
        _errors().print_lines(traceback.format_exc().rstrip("\n").split("\n"))
    else:
        return status or 0
    return 1


def _errors() -> "Terminal":
    from lea_payments.commands.console.terminal import Terminal

    return Terminal(stderr=True)
