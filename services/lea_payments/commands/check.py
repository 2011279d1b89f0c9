"""Checks the settings, the table and Stripe, and reports the findings as text or JSON; changes nothing."""

from collections.abc import Iterator, Sequence

import typer
from rich.text import Text

from lea_payments import settings as environment
from lea_payments.commands.checks import settings as check_settings
from lea_payments.commands.checks import stripe as check_stripe
from lea_payments.commands.checks import table as check_table
from lea_payments.commands.checks.finding import Finding, State, note, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.commands.console.terminal import Terminal, json_text, line
from lea_payments.commands.progress import Progress
from lea_payments.settings import SettingsError
from lea_payments.telemetry.tracing.settings import read_tracing
from lea_payments.telemetry.tracing.variables import take_variables
from lea_payments.text.words import counted

MARKS = {State.OK: ("✓", "green"), State.NOTE: ("\N{EN DASH}", "yellow"), State.WRONG: ("✗", "red")}


def run(terminal: Terminal, endpoint_url: str | None, *, json_output: bool) -> bool:
    """Checks the environment, prints the report, and returns whether it has passed."""
    with Progress() as progress:
        progress.does("checking the table and Stripe")
        report = findings(endpoint_url)
    if json_output:
        typer.echo(as_json(report))
    else:
        terminal.print_lines(as_text(report))
    return passed(report)


def findings(endpoint_url: str | None = None) -> list[Finding]:
    """Checks the environment; `endpoint_url` is the URL of the webhook endpoint at Stripe."""
    try:
        settings = environment.read(CheckSettings)
    except SettingsError as error:
        return [wrong("settings", line, "see docs/reference/settings.md") for line in str(error).splitlines()]
    return [
        *check_settings.findings(settings),
        *_telemetry(),
        *check_table.findings(settings),
        *_stripe(settings, endpoint_url),
    ]


def passed(report: Sequence[Finding]) -> bool:
    """Whether no finding is wrong; notes are allowed."""
    return all(finding.state is not State.WRONG for finding in report)


def as_json(report: Sequence[Finding]) -> str:
    """The report as JSON."""
    return json_text({"ok": passed(report), "findings": [finding._asdict() for finding in report]})


def as_text(report: Sequence[Finding]) -> Sequence[Text]:
    """The report as lines for a terminal."""
    width = max(len(finding.subject) for finding in report)
    lines = [each for finding in report for each in _lines(finding, width)]
    count = sum(finding.state is State.WRONG for finding in report)
    summary = (
        f"{count} of {counted(len(report), 'finding')} {'is' if count == 1 else 'are'} wrong."
        if count
        else "No problems found."
    )
    return [*lines, Text(), Text(summary, "red" if count else "green")]


def _lines(finding: Finding, width: int) -> Iterator[Text]:
    mark, style = MARKS[finding.state]
    yield line(mark, style, f"{finding.subject:<{width}}  {finding.says}")
    if finding.remedy:
        yield line(" ", "", f"{'':<{width}}  → {finding.remedy}", "dim")


def _telemetry() -> Iterator[Finding]:
    for problem in read_tracing(take_variables()).problems:
        yield note("telemetry", f"{problem.variable} is ignored: it {problem.text}")


def _stripe(settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    if settings.stripe_secret_key:
        yield from check_stripe.findings(settings, endpoint_url)
    else:
        yield note("Stripe", "not checked: STRIPE_SECRET_KEY is not set")
