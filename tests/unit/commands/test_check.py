import json

import pytest

from lea_payments.commands import check
from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings

REPORT = [ok("table", "is there"), note("clock", "is odd"), wrong("mode", "is wrong", "set it right")]


def _findings(subject: str, **variables: str) -> list[Finding]:
    settings = CheckSettings.model_validate(variables)
    return [finding for finding in check._settings(settings) if finding.subject == subject]


def test_a_finding_is_one_line_with_its_remedy_below() -> None:
    assert list(map(str, check.as_text(REPORT))) == [
        "✓ table  is there",
        "\N{EN DASH} clock  is odd",
        "✗ mode   is wrong",
        "         → set it right",
        "",
        "1 of 3 findings are wrong.",
    ]


def test_a_report_without_wrong_findings_passes() -> None:
    assert not check.passed(REPORT)
    assert check.passed(REPORT[:2])
    assert str(check.as_text(REPORT[:2])[-1]) == "No problems found."


def test_the_json_report_has_the_same_findings() -> None:
    report = json.loads(check.as_json(REPORT))

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
def test_a_malformed_signing_secret_is_wrong(secret: str, state: str) -> None:
    (finding,) = _findings("signing secrets", STRIPE_WEBHOOK_SECRET=secret)

    assert finding.state == state


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
def test_the_key_must_match_the_livemode_setting(key: str, livemode: str, states: list[str]) -> None:
    findings = _findings("mode", STRIPE_SECRET_KEY=key, STRIPE_LIVEMODE=livemode)

    assert [finding.state for finding in findings] == states
    assert all(key not in finding.says + finding.remedy for finding in findings)


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
def test_a_service_applies_events_with_these_settings(variables: dict[str, str], *, applies: bool) -> None:
    assert CheckSettings.model_validate(variables).applies_events is applies
