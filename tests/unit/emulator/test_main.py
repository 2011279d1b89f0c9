"""Tests the help of the command."""

import pytest
from typer.testing import CliRunner

from stripe_emulator.__main__ import cli
from stripe_emulator.controls.routes import CONTROLS, Control
from stripe_emulator.settings import VARIABLES


@pytest.mark.parametrize("variable", VARIABLES)
def test_help_lists_every_variable(variable: str) -> None:
    result = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    assert variable in result.output


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.method} {control.path}")
def test_help_lists_every_control(control: Control) -> None:
    result = CliRunner().invoke(cli, ["--help"], env={"COLUMNS": "200"})

    summary = control.summary.replace("`", "")
    assert f"{control.method} {control.path}: {summary}"[:90] in result.output
