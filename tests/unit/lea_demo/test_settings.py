import sys

import pytest
from typer.testing import CliRunner

from lea_demo.__main__ import app
from lea_demo.settings import DemoSettings, check_ports, check_stripe, finder, port_fields
from lea_payments.settings import SettingsError

SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": "whsec_x"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the developer's variables nor a `.env`."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for name in [*SANDBOX, "PAYMENTS_API_TOKEN", *(variable for _, variable, _ in port_fields())]:
        monkeypatch.delenv(name, raising=False)


def settings(**variables: str) -> DemoSettings:
    return DemoSettings.model_validate(variables)


def test_every_busy_port_has_a_line_that_says_for_whom_and_what_to_do() -> None:
    with pytest.raises(SettingsError) as refused:
        check_ports(settings(), {8085, 9464}.__contains__)

    one = "port {0}, for {1}, is in use: stop the program there (`{2}` names it), or take another port: {3} make demo"
    assert str(refused.value).splitlines() == [
        one.format(8085, "the customer's pages", finder(8085), "DEMO_PAGES_PORT=18085"),
        one.format(9464, "the webhook's metrics", finder(9464), "DEMO_WEBHOOK_METRICS_PORT=19464"),
    ]


def test_a_port_for_two_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^port 8084 is given to both the checkout API and the customer's pages"):
        check_ports(settings(DEMO_PAGES_PORT="8084"), lambda _: False)


def test_free_ports_are_no_trouble() -> None:
    check_ports(settings(), lambda _: False)


def test_the_emulator_s_port_does_not_matter_with_a_sandbox() -> None:
    check_ports(settings(**SANDBOX), lambda port: port == 8087)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "rk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "pk_test_x"}, "not a key of a Stripe sandbox"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "STRIPE_SECRET_KEY is set alone: set STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_WEBHOOK_SECRET is set alone: set STRIPE_SECRET_KEY"),
    ],
    ids=["live", "live, restricted", "publishable", "no secret", "no key"],
)
def test_a_key_that_cannot_serve_is_refused_in_one_line(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        check_stripe(settings(**variables))

    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("variables", [{}, SANDBOX], ids=["emulator", "sandbox"])
def test_a_whole_sandbox_or_none_is_taken(variables: dict[str, str]) -> None:
    check_stripe(settings(**variables))


@pytest.mark.parametrize(("command", "missing"), [("run", "jgo"), ("flow", "httpx")])
def test_what_is_not_installed_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, command: str, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    problem = CliRunner().invoke(app, [command]).exception

    assert isinstance(problem, SettingsError)
    assert str(problem) == f"not installed: {missing}; remove .venv and run `make demo`, which makes it anew with them"


def test_the_help_names_every_port_and_its_default() -> None:
    shown = " ".join(CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "300"}).output.split())

    for _, variable, field in port_fields():
        assert f"{variable} {field.default}" in shown
