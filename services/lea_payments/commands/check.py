"""Checks the settings, the table and Stripe, and reports the findings as text or JSON; changes nothing."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from lea_payments import settings as environment
from lea_payments.commands.checks import stripe as check_stripe
from lea_payments.commands.checks import table as check_table
from lea_payments.commands.checks.finding import Finding, State, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.commands.console import json_text, line
from lea_payments.settings import SettingsError, mode_of, signing_secrets

MARKS = {State.OK: ("✓", "green"), State.NOTE: ("\N{EN DASH}", "yellow"), State.WRONG: ("✗", "red")}
SHORTEST_TOKEN = 16


def findings(endpoint_url: str | None = None) -> list[Finding]:
    """Checks the environment; `endpoint_url` is the URL of the webhook endpoint at Stripe."""
    try:
        settings = environment.read(CheckSettings)
    except SettingsError as error:
        return [wrong("settings", line, "see docs/reference/settings.md") for line in str(error).splitlines()]
    return [*_settings(settings), *check_table.findings(settings), *_stripe(settings, endpoint_url)]


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
    summary = f"{count} of {len(report)} findings are wrong." if count else "No problems found."
    return [*lines, Text(), Text(summary, "red" if count else "green")]


def _lines(finding: Finding, width: int) -> Iterator[Text]:
    mark, style = MARKS[finding.state]
    yield line(mark, style, f"{finding.subject:<{width}}  {finding.says}")
    if finding.remedy:
        yield line(" ", "", f"{'':<{width}}  → {finding.remedy}", "dim")


def _settings(settings: CheckSettings) -> Iterator[Finding]:
    try:
        secrets = signing_secrets(settings.webhook_secrets, settings.webhook_secret_file)
    except SettingsError as error:
        yield wrong("signing secrets", str(error), "mount the Secret, or set STRIPE_WEBHOOK_SECRET")
    else:
        yield _secrets(secrets)
    yield from _mode(settings)
    if any(len(token) < SHORTEST_TOKEN for token in settings.api_tokens):
        says = f"a token in PAYMENTS_API_TOKEN has fewer than {SHORTEST_TOKEN} characters and can be guessed"
        yield note("API tokens", says, "generate a token with `openssl rand -hex 32`")


def _secrets(secrets: Sequence[str]) -> Finding:
    subject = "signing secrets"
    malformed = [str(number) for number, secret in enumerate(secrets, 1) if _is_malformed(secret)]
    if not secrets:
        return note(subject, "not set: only the webhook needs STRIPE_WEBHOOK_SECRET")
    if malformed:
        says = f"number {', '.join(malformed)} of {len(secrets)} is not whsec_ followed by letters and digits"
        return wrong(subject, says, "copy the endpoint's signing secret from Developers > Webhooks")
    return ok(subject, f"{len(secrets)}, the first is current")


def _is_malformed(secret: str) -> bool:
    kind, _, rest = secret.partition("_")
    return kind != "whsec" or not rest or not rest.replace("_", "").isalnum() or not rest.isascii()


def _mode(settings: CheckSettings) -> Iterator[Finding]:
    if not settings.stripe_secret_key:
        return
    mode = mode_of(settings.stripe_secret_key)
    if not mode:
        yield wrong(
            "mode", "STRIPE_SECRET_KEY is not a secret key", "set it to sk_… or rk_… from Developers > API keys"
        )
    elif (mode == "live") is settings.livemode:
        yield ok("mode", f"the key and STRIPE_LIVEMODE agree: {mode}")
    else:
        says = f"the key is a {mode} key, but STRIPE_LIVEMODE is {str(settings.livemode).lower()}"
        yield wrong("mode", says, "set STRIPE_LIVEMODE to true for live keys and to false for test keys")


def _stripe(settings: CheckSettings, endpoint_url: str | None) -> Iterator[Finding]:
    if settings.stripe_secret_key:
        yield from check_stripe.findings(settings, endpoint_url)
    else:
        yield note("Stripe", "not checked: STRIPE_SECRET_KEY is not set")
