"""Says what is wrong with a signing secret, an API key or an API token before a service trusts it."""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

DEMO_TOKEN = "demo-token"
EMULATOR_SECRET = "whsec_ThisIsTheStripeEmulatorAndNotStripe"
PUBLISHED = frozenset({DEMO_TOKEN, EMULATOR_SECRET})
"""The secrets of the demo and of the chart's emulator. Everybody knows them, so they protect nothing."""

_PUBLISHED_PROBLEM = "is published with this project for development, so everybody knows it"
_CUT_PROBLEM = "is only the beginning of a secret that is in use"


class SecretError(ValueError):
    """Raised when a text is not a list of secrets. The message says why and shows no part of the text."""


class Rule(NamedTuple):
    """A pattern that no secret contains, and what it means."""

    pattern: re.Pattern[str]
    problem: str


class SecretKind(NamedTuple):
    """The rules of one kind of secret, and those that a service on this machine or cluster does not need."""

    rules: Sequence[Rule]
    remote_rules: Sequence[Rule] = ()

    def problem(self, secrets: Sequence[str], *, is_local: bool) -> str:
        """What is wrong with the first invalid secret, without any part of it; empty if all are valid.

        `is_local` says that the service uses local endpoints only, where nothing real can be lost.
        """
        for number, secret in enumerate(secrets, 1):
            if problem := self._problem(secret, is_local=is_local):
                return _numbered(number, len(secrets), problem)
        return ""

    def _problem(self, secret: str, *, is_local: bool) -> str:
        if secret in PUBLISHED:
            return "" if is_local else _PUBLISHED_PROBLEM
        rules = (*self.rules, *(() if is_local else self.remote_rules))
        return next((rule.problem for rule in rules if rule.pattern.search(secret)), "")


def _rule(pattern: str, problem: str) -> Rule:
    # ASCII: otherwise letters such as the Kelvin sign would match [a-z].
    return Rule(re.compile(pattern, re.IGNORECASE | re.ASCII), problem)


_PREFIX = r"(whsec_|[sr]k_(test|live)_)?"
_NOT_A_SECRET = (
    _rule(r"\ufeff", "starts with a byte order mark"),
    _rule(r"\x00", "is UTF-16 and not UTF-8"),
    _rule(r"^[#;]", "is a comment"),
    _rule(rf"^{_PREFIX}<", "is HTML or a placeholder"),
    _rule(rf"^{_PREFIX}(null|none|nil|undefined|empty|todo|tbd|fixme|x+|0+|\*+)$", "is a placeholder"),
    _rule(r"change[-_]?me|replace[-_]?me|placeholder|example|\.\.\.|…", "is a placeholder"),
    _rule(r"your[-_]?(own|secret|token|key|webhook|signing|stripe|api)", "is a placeholder"),
    _rule(r"^[{\[]|[}\]]$", "is JSON"),
    _rule(r"""["'`]""", "has quotation marks"),
    _rule(r"^[^=:]*[=:]\s*[^=\s]", "has a name in front of it"),
    _rule(r"\s", "has a space inside"),
    _rule(r"[^\x21-\x7e]", "has characters that are not ASCII"),
)
"""What people, templates and tools write in place of a secret."""

SIGNING_SECRET = SecretKind(
    (
        *_NOT_A_SECRET,
        _rule(r"^[srp]k_", "is an API key and not a signing secret"),
        _rule(r"^(?!(?-i:whsec_))", "does not start with whsec_"),
        _rule(r"^whsec_.*[^a-z0-9]", "has characters other than letters and digits after whsec_"),
        _rule(r"^whsec_.{0,31}$", "is incomplete: it has fewer than 32 characters after whsec_"),
    )
)
"""Stripe's own examples have 32 letters and digits (docs.stripe.com/api/webhook_endpoints/object), and `stripe listen`
prints 64. Stripe promises no length, so a longer secret is valid."""

NOTIFY_SECRET = SecretKind(
    (
        *_NOT_A_SECRET,
        _rule(r"^[srp]k_(test|live)_", "is an API key and not a signing secret"),
        _rule(r"^(?!(?-i:whsec_))", "does not start with whsec_"),
        _rule(r"^whsec_(?![a-z0-9+/]*={0,2}$)", "is not base64 after whsec_"),
        _rule(r"^whsec_.{0,31}$", "is incomplete: it has fewer than 24 bytes after whsec_"),
        _rule(r"^whsec_([^=]{4})*[^=]=*$", "is cut off: it is not complete base64"),
        _rule(r"^whsec_[^=]{87}", "has more than 64 bytes after whsec_"),
    )
)
"""Standard Webhooks asks for 24 to 64 random bytes, in base64."""

API_TOKEN = SecretKind(
    (
        *_NOT_A_SECRET,
        _rule(r"^(whsec|[srp]k_(test|live))_", "is a secret of Stripe and not a token of your own"),
        _rule(r"^(?![a-z0-9._~+/-]+=*$)", "has characters that a bearer token cannot have"),
        _rule(r"^.{0,15}$", "has fewer than 16 characters and can be guessed"),
    )
)
"""The characters are those of RFC 6750, section 2.1."""

API_KEY = SecretKind(
    (
        *_NOT_A_SECRET,
        _rule(r"^whsec_", "is a signing secret and not an API key"),
        _rule(r"^pk_", "is a publishable key and not a secret one"),
        _rule(r"^(?!(?-i:[sr]k_(test|live)_))", "does not start with sk_test_, rk_test_, sk_live_ or rk_live_"),
        _rule(r"^.k_...._(|.*\W.*)$", "has characters other than letters and digits"),
    ),
    remote_rules=(_rule(r"^.k_...._.{0,15}$", "is incomplete: it has fewer than 16 characters after the mode"),),
)
"""The emulator accepts a key of any length; Stripe's have 24 characters after the mode, and newer ones 99."""


def split_list(text: str) -> tuple[str, ...]:
    """Splits a text at commas and line ends, in order and without blank items."""
    return tuple(item.strip() for item in text.replace("\n", ",").split(",") if item.strip())


def signing_secrets_in(content: bytes, *, is_local: bool, in_use: Sequence[str] = ()) -> tuple[str, ...]:
    """All signing secrets in the content of a file, if each entry is one. Raises SecretError otherwise.

    `in_use` are the secrets before the change: a file that is read while it is written has only the beginning of one.
    """
    try:
        secrets = split_list(content.decode())
    except UnicodeDecodeError:
        raise SecretError("it is not text in UTF-8") from None
    if not secrets:
        raise SecretError("it has no secret")
    problem = SIGNING_SECRET.problem(secrets, is_local=is_local) or _cut_problem(secrets, in_use)
    if problem:
        raise SecretError(problem)
    return secrets


def _cut_problem(secrets: Sequence[str], in_use: Sequence[str]) -> str:
    for number, secret in enumerate(secrets, 1):
        if any(whole != secret and whole.startswith(secret) for whole in (*secrets, *in_use)):
            return _numbered(number, len(secrets), _CUT_PROBLEM)
    return ""


def _numbered(number: int, count: int, problem: str) -> str:
    return f"it {problem}" if count == 1 else f"number {number} of {count} {problem}"


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local(url: str) -> bool:
    """Whether a URL names this machine, or a service of the same cluster or Docker network. AWS, "", is not local."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_in_cluster = "." not in host or host.endswith((".svc", ".svc.cluster.local", ".localhost"))
        return bool(host) and (is_in_cluster or host == "host.docker.internal")
