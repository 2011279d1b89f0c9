import json

from lea_payments.commands import check
from lea_payments.commands.checks.finding import note, ok, wrong

REPORT = [ok("table", "is there"), note("clock", "is odd"), wrong("mode", "is wrong", "set it right")]


def test_a_finding_is_one_line_with_its_remedy_below() -> None:
    assert list(map(str, check.as_text(REPORT))) == [
        "✓ table  is there",
        "\N{EN DASH} clock  is odd",
        "✗ mode   is wrong",
        "         → set it right",
        "",
        "1 of 3 findings is wrong.",
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
