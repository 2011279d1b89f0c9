"""Whether all that a part needs is there and right, as a report for people and programs; changes nothing."""

from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from lea_payments import settings as environment
from lea_payments.commands.checks import stripe as check_stripe
from lea_payments.commands.checks import table as check_table
from lea_payments.commands.checks.finding import Finding, State, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.settings import SettingsError, mode_of, signing_secrets

MARKS = {State.OK: ("✓", "green"), State.NOTE: ("\N{EN DASH}", "yellow"), State.WRONG: ("✗", "red")}
SHORTEST_TOKEN = 16


def findings(address: str | None = None) -> list[Finding]:
    """All there is to say of the environment as it is; `address` is the webhook endpoint's URL at Stripe."""
    try:
        settings = environment.read(CheckSettings)
    except SettingsError as error:
        return [wrong("settings", line, "see docs/reference/settings.md") for line in str(error).splitlines()]
    return [*_settings(settings), *check_table.findings(settings), *_stripe(settings, address)]


def passed(found: Sequence[Finding]) -> bool:
    """Whether nothing is wrong; notes do not count."""
    return all(one.state is not State.WRONG for one in found)


def as_json(found: Sequence[Finding]) -> str:
    """The report for programs."""
    report = {"ok": passed(found), "findings": [one._asdict() for one in found]}
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def as_text(found: Sequence[Finding]) -> Text:
    """The report for a terminal."""
    width = max(len(one.subject) for one in found)
    lines = [_line(one, width) for one in found]
    count = sum(one.state is State.WRONG for one in found)
    end = Text("Nothing is wrong.", "green") if not count else Text(f"{count} of {len(found)} wrong.", "red")
    return Text("\n").join([*lines, Text(), end])


def _line(one: Finding, width: int) -> Text:
    mark, style = MARKS[one.state]
    line = Text.assemble((mark, style), f" {one.subject:<{width}}  {one.says}")
    return line.append(f"\n  {'':<{width}}  → {one.remedy}", "dim") if one.remedy else line


def _settings(settings: CheckSettings) -> Iterator[Finding]:
    try:
        secrets = signing_secrets(settings.webhook_secrets, settings.webhook_secret_file)
    except SettingsError as error:
        yield wrong("signing secrets", str(error), "mount the Secret, or set STRIPE_WEBHOOK_SECRET")
    else:
        yield _secrets(secrets)
    yield from _mode(settings)
    if any(len(token) < SHORTEST_TOKEN for token in settings.api_tokens):
        says = f"one of PAYMENTS_API_TOKEN has under {SHORTEST_TOKEN} characters and can be guessed"
        yield note("API tokens", says, "make it with `openssl rand -hex 32`")


def _secrets(secrets: Sequence[str]) -> Finding:
    subject, places = "signing secrets", [str(place) for place, one in enumerate(secrets, 1) if _is_odd(one)]
    if not secrets:
        return note(subject, "none here: STRIPE_WEBHOOK_SECRET is for the webhook alone")
    if places:
        says = f"number {', '.join(places)} of {len(secrets)} is not whsec_ and letters and digits"
        return wrong(subject, says, "copy the endpoint's signing secret from Developers > Webhooks")
    return ok(subject, f"{len(secrets)}, the first one current")


def _is_odd(secret: str) -> bool:
    kind, _, rest = secret.partition("_")
    return kind != "whsec" or not rest or not rest.replace("_", "").isalnum() or not rest.isascii()


def _mode(settings: CheckSettings) -> Iterator[Finding]:
    if not settings.stripe_secret_key:
        return
    mode = mode_of(settings.stripe_secret_key)
    if not mode:
        yield wrong("mode", "STRIPE_SECRET_KEY is no secret key", "set it to sk_… or rk_… from Developers > API keys")
    elif (mode == "live") is settings.livemode:
        yield ok("mode", f"the key and STRIPE_LIVEMODE agree: {mode}")
    else:
        says = f"the key is a {mode} key and STRIPE_LIVEMODE is {str(settings.livemode).lower()}"
        yield wrong("mode", says, "set STRIPE_LIVEMODE to true for live keys and to false for test keys")


def _stripe(settings: CheckSettings, address: str | None) -> Iterator[Finding]:
    if settings.stripe_secret_key:
        yield from check_stripe.findings(settings, address)
    else:
        yield note("Stripe", "was not asked: there is no STRIPE_SECRET_KEY here")
