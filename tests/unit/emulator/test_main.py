"""The help of the command."""

import pytest
from typer.testing import CliRunner

from stripe_emulator.__main__ import cli
from stripe_emulator.settings import VARIABLES


@pytest.mark.parametrize("variable", VARIABLES)
def test_help_lists_every_variable(variable: str) -> None:
    shown = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "200"})

    assert shown.exit_code == 0
    assert variable in shown.output
