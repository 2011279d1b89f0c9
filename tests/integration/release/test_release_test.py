"""The test that `helm test` runs, against real services: it passes, and a failing step says what to do."""

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from lea_payments.commands.console.terminal import Terminal
from lea_payments.commands.release.__main__ import run
from lea_payments.commands.release.steps import Urls, Waits, steps
from tests.support import forked
from tests.support.processes import Process
from tests.support.secrets import signing_secret

SECRET, TOKEN = signing_secret("release"), "token-of-the-release"
AT_ONCE = Waits(ready=0, completed=0, page=0)
NOWHERE = "http://127.0.0.1:9"


class Result(NamedTuple):
    """What a run of the test has printed, and whether it has passed."""

    passed: bool
    text: str


def run_steps(urls: Urls, token: str = TOKEN, waits: Waits = AT_ONCE) -> Result:
    output = StringIO()
    passed = run(Terminal(file=output, width=200), steps(urls, token, waits))
    return Result(passed, output.getvalue())


@pytest.fixture(scope="module")
def urls(start: Callable[..., Process]) -> Urls:
    """Return the addresses of a release whose pay page and success page have public addresses that nobody serves."""
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET).url
    pages = start("pages").url
    emulator = start(
        "stripe-emulator",
        EMULATOR_WEBHOOK_URL=f"{webhook}/webhook/stripe",
        EMULATOR_WEBHOOK_SECRET=SECRET,
        EMULATOR_PUBLIC_URL="http://pay.test/under",
    ).url
    checkout = start(
        "checkout",
        STRIPE_SECRET_KEY="sk_test_release",
        STRIPE_API_BASE=emulator,
        PAYMENTS_API_TOKEN=TOKEN,
        PAGES_BASE_URL="http://pages.test",
    ).url
    return Urls(webhook, pages, checkout, emulator)


@pytest.fixture(scope="module")
def emulator_without_webhook(start: Callable[..., Process]) -> str:
    """Return the address of an emulator that delivers no event."""
    return start("stripe-emulator", EMULATOR_WEBHOOK_URL="").url


def test_a_payment_goes_from_nothing_to_its_page(urls: Urls) -> None:
    result = run_steps(urls, waits=Waits())

    assert result.passed
    assert [line[:1] for line in result.text.splitlines()] == ["✓"] * 8
    assert result.text.splitlines()[-1] == "✓ the success page shows the payment"


def test_the_command_takes_the_first_token(urls: Urls, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lea_payments.commands.release"]
    options = [f"--{name}={url}" for name, url in urls._asdict().items()]
    proxy = {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE}
    env = {"PAYMENTS_API_TOKEN": f"{TOKEN}, token-of-tomorrow", **proxy}
    done = forked.run([*command, *options], env=env, folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "✗" not in done.stdout


def test_the_command_also_checks_the_table(urls: Urls, dynamodb_endpoint: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lea_payments.commands.release", "--check"]
    env = {"DDB_ENDPOINT": dynamodb_endpoint, "DYNAMODB_PAYMENTS_TABLE": "no-such-table"}
    options = [f"--webhook={urls.webhook}", f"--pages={urls.pages}"]
    done = forked.run([*command, *options], env=env, folder=tmp_path)

    assert done.returncode == 1
    assert "✓ pages is ready" in done.stdout
    assert "no-such-table does not exist" in done.stdout


@pytest.mark.parametrize(
    ("changes", "token", "failed", "remedy"),
    [
        pytest.param({"webhook": NOWHERE}, TOKEN, "webhook is ready: no answer", "log of webhook", id="webhook down"),
        pytest.param({"pages": NOWHERE}, TOKEN, "pages is ready: no answer", "log of pages", id="pages down"),
        pytest.param({}, "another-token-of-the-release", "creates a payment: POST", "restart checkout", id="token"),
        pytest.param({"emulator": NOWHERE}, TOKEN, "pay page: no answer", "log of the emulator", id="emulator down"),
    ],
)
def test_a_failing_step_says_what_to_do(
    urls: Urls, changes: dict[str, str], token: str, failed: str, remedy: str
) -> None:
    result = run_steps(urls._replace(**changes), token)

    problem, advice = result.text.splitlines()[-2:]
    assert not result.passed
    assert problem.startswith("✗")
    assert failed in problem
    assert remedy in advice


def test_an_emulator_of_another_release_has_no_pay_page(urls: Urls, emulator_without_webhook: str) -> None:
    result = run_steps(urls._replace(emulator=emulator_without_webhook))

    assert "✗ the emulator shows its pay page: HTTP 404" in result.text


def test_a_payment_without_its_event_is_not_completed(
    start: Callable[..., Process], urls: Urls, emulator_without_webhook: str
) -> None:
    secrets = {"STRIPE_SECRET_KEY": "sk_test_release", "PAYMENTS_API_TOKEN": TOKEN}
    checkout = start("checkout", STRIPE_API_BASE=emulator_without_webhook, **secrets).url
    result = run_steps(urls._replace(checkout=checkout, emulator=emulator_without_webhook))

    problem, advice = result.text.splitlines()[-2:]
    assert "✗ the webhook completes the payment: payment_helm_test_" in problem
    assert problem.endswith("is pending")
    assert "signature_rejected" in advice


def test_without_the_emulator_only_the_services_are_asked(urls: Urls) -> None:
    result = run_steps(urls._replace(emulator=""))

    assert result.passed
    assert "payment" not in result.text
