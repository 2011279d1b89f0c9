"""Tests the help of the command."""

import pytest
from typer.testing import CliRunner

from stripe_emulator.__main__ import cli
from stripe_emulator.settings import VARIABLES


@pytest.mark.parametrize("variable", VARIABLES)
def test_help_lists_every_variable(variable: str) -> None:
    result = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    assert variable in result.output
