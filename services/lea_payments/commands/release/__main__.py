"""The command that `helm test` runs in a pod of the release: `python -m lea_payments.commands.release`."""

from collections.abc import Iterable
from typing import Annotated

import typer

from lea_payments.commands import check as check_command
from lea_payments.commands.console.run import run as run_commands
from lea_payments.commands.console.terminal import Terminal, line
from lea_payments.commands.release.calls import StepError
from lea_payments.commands.release.steps import Step, Urls, Waits, steps
from lea_payments.telemetry.setup import start_for_commands

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def release_test(
    webhook: Annotated[str, typer.Option(help="URL of the webhook.")],
    pages: Annotated[str, typer.Option(help="URL of the pages.")],
    checkout: Annotated[str, typer.Option(help="URL of the checkout API.")] = "",
    emulator: Annotated[str, typer.Option(help="URL of the emulator: with it, one payment is made.")] = "",
    token: Annotated[str, typer.Option(envvar="PAYMENTS_API_TOKEN", help="Tokens of the checkout API.")] = "",
    *,
    check: Annotated[bool, typer.Option("--check", help="Check the settings, the table and Stripe too.")] = False,
) -> None:
    """Test a release from inside its cluster. The exit status is 1 if a step fails; each ✗ says what to do."""
    terminal = Terminal(soft_wrap=True)
    first_token = token.partition(",")[0].strip()
    passed = run(terminal, steps(Urls(webhook, pages, checkout, emulator), first_token, Waits()))
    if passed and check:
        start_for_commands()
        passed = check_command.run(terminal, None, json_output=False)
    raise typer.Exit(0 if passed else 1)


def run(terminal: Terminal, all_steps: Iterable[Step]) -> bool:
    """Runs the steps up to the first one that fails, and prints each. Returns whether all have passed."""
    for step in all_steps:
        try:
            step.run()
        except StepError as error:
            terminal.print_lines([line("✗", "red", f"{step.name}: {error}"), line(" ", "", f"→ {error.remedy}", "dim")])
            return False
        terminal.print_lines([line("✓", "green", step.name)])
    return True


if __name__ == "__main__":
    run_commands(app)
