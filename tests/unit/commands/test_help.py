import pytest
from typer.testing import CliRunner

from lea_payments import service_commands
from lea_payments.__main__ import app

COMMANDS = {
    "webhook": "STRIPE_WEBHOOK_SECRET",
    "pages": "port 8085",
    "checkout": "PAYMENTS_API_TOKEN",
    "reconciler": "--once",
    "notifier": "NOTIFY_SECRET_FILE",
    "mcp": "--http",
    "init-table": "--print",
    "check": "--endpoint",
    "replay": "--since",
    "notify": "--dead-lettered",
    "show": "--what-if",
}


def _help(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_the_help_lists_every_command() -> None:
    commands = [*app.registered_commands, *service_commands.app.registered_commands]
    names = {command.name or getattr(command.callback, "__name__", "") for command in commands}

    assert names == COMMANDS.keys()
    assert all(name in _help() for name in names)


@pytest.mark.parametrize(("command", "text"), COMMANDS.items())
def test_each_command_has_a_help_text(command: str, text: str) -> None:
    assert text in _help(command)


def test_no_arguments_show_the_help() -> None:
    result = CliRunner().invoke(app, [])

    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "--stripee"], "No such option: --stripee (Possible options: --stripe)"),
        (["webhook", "--port", "1"], "No such option: --port"),
        (["chekout"], "No such command 'chekout'"),
        (["check", "--endpoint"], "Option '--endpoint' requires an argument."),
        (["show", "a", "b"], "unexpected extra argument"),
        (["init-table", "--wait", "soon"], "Invalid value for '--wait'"),
        (["replay"], "give exactly one of FILE, the id of an event (evt_…) and --since"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_says_what_to_do(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})

    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in " ".join(result.stderr.split())
    assert "--help' for help." in result.stderr or "requires an argument" in sentence
