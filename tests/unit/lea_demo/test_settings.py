import pytest
from typer.testing import CliRunner

from lea_demo.__main__ import app
from lea_demo.settings import DemoSettings, check_ports, check_stripe, port_fields
from lea_payments.settings import SettingsError

SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": "whsec_x"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Removes the developer's variables and `.env`."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for name in [*SANDBOX, "PAYMENTS_API_TOKEN", *(variable for _, variable, _ in port_fields())]:
        monkeypatch.delenv(name, raising=False)


def settings(**variables: str) -> DemoSettings:
    return DemoSettings.model_validate(variables)


def test_every_busy_port_has_a_line_with_a_remedy() -> None:
    with pytest.raises(SettingsError) as error:
        check_ports(settings(), {8085, 9464}.__contains__)

    line = (
        "port {0}, for {1}, is in use: stop the program that listens there (`lsof -i :{0}` shows it), "
        "or use another port: {2} make demo"
    )
    assert str(error.value).splitlines() == [
        line.format(8085, "the customer's pages", "DEMO_PAGES_PORT=18085"),
        line.format(9464, "the webhook's metrics", "DEMO_WEBHOOK_METRICS_PORT=19464"),
    ]


def test_a_port_that_is_set_twice_is_rejected() -> None:
    with pytest.raises(SettingsError, match=r"^port 8084 is set for both the checkout API and the customer's pages"):
        check_ports(settings(DEMO_PAGES_PORT="8084"), lambda _: False)


def test_free_ports_are_accepted() -> None:
    check_ports(settings(), lambda _: False)


def test_the_emulators_port_is_not_checked_with_a_sandbox() -> None:
    check_ports(settings(**SANDBOX), lambda port: port == 8087)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "rk_live_x"}, "live key, and the demo must not move real money"),
        ({**SANDBOX, "STRIPE_SECRET_KEY": "pk_test_x"}, "not the key of a Stripe sandbox"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "STRIPE_SECRET_KEY is set alone: set STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_WEBHOOK_SECRET is set alone: set STRIPE_SECRET_KEY"),
    ],
    ids=["live", "live, restricted", "publishable", "no secret", "no key"],
)
def test_an_unusable_key_is_rejected_in_one_line(variables: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        check_stripe(settings(**variables))

    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("variables", [{}, SANDBOX], ids=["emulator", "sandbox"])
def test_a_complete_sandbox_or_none_is_accepted(variables: dict[str, str]) -> None:
    check_stripe(settings(**variables))


def test_the_help_lists_every_port_and_its_default() -> None:
    help_text = " ".join(CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "300"}).output.split())

    for _, variable, field in port_fields():
        assert f"{variable} {field.default}" in help_text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], ["run", "flow"], id="all"),
        pytest.param(["flow"], ["--card", "--delayed", "--json", "PAYMENTS_API_TOKEN"], id="flow"),
    ],
)
def test_the_help_lists_commands_and_options(arguments: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "300"})

    assert result.exit_code == 0
    assert [word for word in words if word not in result.output] == []
