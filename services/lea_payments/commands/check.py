"""Checks the settings, the table and Stripe, and reports the findings as text or JSON; changes nothing."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from lea_payments import settings as environment
from lea_payments.commands.checks import settings as check_settings
from lea_payments.commands.checks import stripe as check_stripe
from lea_payments.commands.checks import table as check_table
from lea_payments.commands.checks.finding import Finding, State, note, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.settings import SettingsError

MARKS = {State.OK: ("✓", "green"), State.NOTE: ("\N{EN DASH}", "yellow"), State.WRONG: ("✗", "red")}


def findings(endpoint_url: str | None = None) -> list[Finding]:
    """Checks the environment; `endpoint_url` is the URL of the webhook endpoint at Stripe."""
    try:
        settings = environment.read(CheckSettings)
    except SettingsError as error:
        return [wrong("settings", line, "see docs/reference/settings.md") for line in str(error).splitlines()]
    return [*check_settings.findings(settings), *check_table.findings(settings), *_stripe(settings, endpoint_url)]


def passed(report: Sequence[Finding]) -> bool:
    """Whether no finding is wrong; notes are allowed."""
    return all(finding.state is not State.WRONG for finding in report)


def as_json(report: Sequence[Finding]) -> str:
    """The report as JSON."""
    content = {"ok": passed(report), "findings": [finding._asdict() for finding in report]}
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def as_text(report: Sequence[Finding]) -> Text:
    """The report as text for a terminal."""
    width = max(len(finding.subject) for finding in report)
    lines = [_line(finding, width) for finding in report]
    count = sum(finding.state is State.WRONG for finding in report)
    summary = f"{count} of {len(report)} findings are wrong." if count else "No problems found."
    return Text("\n").join([*lines, Text(), Text(summary, "red" if count else "green")])


def _line(finding: Finding, width: int) -> Text:
    mark, style = MARKS[finding.state]
    line = Text.assemble((mark, style), f" {finding.subject:<{width}}  {finding.says}")
    return line.append(f"\n  {'':<{width}}  → {finding.remedy}", "dim") if finding.remedy else line


def _stripe(settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    if settings.stripe_secret_key:
        yield from check_stripe.findings(settings, endpoint_url)
    else:
        yield note("Stripe", "not checked: STRIPE_SECRET_KEY is not set")
