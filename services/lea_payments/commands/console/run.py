"""Runs a command line. A service that starts without an error loads nothing that prints."""

import errno
import gc
import os
import sys
import traceback
from collections.abc import MutableMapping
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lea_payments.environment import strip_variables_of_libraries
from lea_payments.settings import SettingsError
from lea_payments.telemetry.tracing.variables import take_variables
from lea_payments.text.visible import visible_text

if TYPE_CHECKING:
    from lea_payments.commands.console.terminal import Terminal

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def run(app: typer.Typer) -> None:
    """Runs the command that the arguments name and exits the process."""
    # What an import creates stays. To look for garbage there every 700 objects takes a tenth of a service's start.
    gc.set_threshold(100_000)
    _forget_no_columns(os.environ)
    strip_variables_of_libraries(os.environ)
    take_variables()
    if sys.stderr is None:  # it was closed: `2>&-`
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for the whole run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal's encoding can lack a character
    raise SystemExit(_status(app))


def _forget_no_columns(variables: MutableMapping[str, str]) -> None:
    """Removes COLUMNS=0, which some terminals and scripts set: in a width of 0 nothing at all is printed."""
    columns = variables.get("COLUMNS", "").strip()
    if columns.isdecimal() and int(columns) == 0:
        del variables["COLUMNS"]


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
    except Exception as error:  # noqa: BLE001 - a traceback can quote data
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            _forget_output()
            problem = f"the output cannot be written ({error.strerror}): make room, or write it elsewhere"
            _errors().print(f"✗ {problem}", style="red", soft_wrap=True)
        else:
            _errors().print_lines(traceback.format_exc().rstrip("\n").split("\n"))
    else:
        return status or 0
    return 1


def _forget_output() -> None:
    """Leads standard output nowhere: otherwise Python writes the rest of it at its exit, and fails again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _errors() -> "Terminal":
    from lea_payments.commands.console.terminal import Terminal

    return Terminal(stderr=True)
