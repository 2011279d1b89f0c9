import json

import pytest

from lea_payments.commands import check
from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings

FOUND = [ok("table", "is there"), note("clock", "is odd"), wrong("mode", "is wrong", "set it right")]


def _on(subject: str, **variables: str) -> list[Finding]:
    settings = CheckSettings.model_validate(variables)
    return [one for one in check._settings(settings) if one.subject == subject]


def test_a_report_is_one_line_for_each_finding_with_what_to_do_below_it() -> None:
    assert str(check.as_text(FOUND)).splitlines() == [
        "✓ table  is there",
        "\N{EN DASH} clock  is odd",
        "✗ mode   is wrong",
        "         → set it right",
        "",
        "1 of 3 wrong.",
    ]


def test_only_what_is_wrong_makes_the_whole_wrong() -> None:
    assert not check.passed(FOUND)
    assert check.passed(FOUND[:2])
    assert str(check.as_text(FOUND[:2])).endswith("Nothing is wrong.")


def test_the_report_for_programs_says_the_same() -> None:
    report = json.loads(check.as_json(FOUND))

    assert report["ok"] is False
    assert report["findings"][2] == {
        "state": "wrong",
        "subject": "mode",
        "says": "is wrong",
        "remedy": "set it right",
    }


@pytest.mark.parametrize(
    ("secret", "state"),
    [
        ("whsec_5WqY7uJ0fTz", "ok"),
        ("whsec_test_5WqY7uJ0", "ok"),
        ("whsec_", "wrong"),
        ("whsec_a b", "wrong"),
        ("whsec_…", "wrong"),
        ("sk_test_1", "wrong"),
        ("we_1234", "wrong"),
        ('"whsec_quoted"', "wrong"),
    ],
)
def test_a_signing_secret_has_stripes_shape(secret: str, state: str) -> None:
    ((found, *_),) = _on("signing secrets", STRIPE_WEBHOOK_SECRET=secret)

    assert found == state


@pytest.mark.parametrize(
    ("key", "livemode", "states"),
    [
        ("sk_test_1", "false", ["ok"]),
        ("rk_live_1", "true", ["ok"]),
        ("sk_live_1", "false", ["wrong"]),
        ("rk_test_1", "true", ["wrong"]),
        ("pk_live_1", "true", ["wrong"]),
        ("sk_1", "false", ["wrong"]),
        ("", "true", []),
    ],
)
def test_the_keys_mode_must_be_that_of_the_events(key: str, livemode: str, states: list[str]) -> None:
    found = _on("mode", STRIPE_SECRET_KEY=key, STRIPE_LIVEMODE=livemode)

    assert [one.state for one in found] == states
    assert all(key not in one.says + one.remedy for one in found)


@pytest.mark.parametrize(
    ("variables", "applies"),
    [
        ({"STRIPE_WEBHOOK_SECRET": "whsec_1"}, True),
        ({"STRIPE_WEBHOOK_SECRET_FILE": "/secret"}, True),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, True),
        ({"STRIPE_SECRET_KEY": "sk_test_1", "PAYMENTS_API_TOKEN": "token"}, False),
        ({}, False),
    ],
)
def test_who_applies_events_is_known_by_its_settings(variables: dict[str, str], *, applies: bool) -> None:
    assert CheckSettings.model_validate(variables).applies_events is applies
