"""Tests the judgement of `make attack`: it accepts what is within the limits and names each limit that did not hold."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.attack.attack import AttackResult, Measurement, Memory, judge
from tests.attack.attacks import ATTACKS
from tests.attack.markers import EMAIL, SECRETS
from tests.attack.results import COLUMNS, cells, record_of
from tests.attack.stream import GoodAnswer

MIB = 2**20


def _answers(*, good: Sequence[float], control: Sequence[float] = (), status: int = 200) -> list[GoodAnswer]:
    attacked = [GoodAnswer(is_control=False, status=status, seconds=seconds) for seconds in good]
    return attacked + [GoodAnswer(is_control=True, status=200, seconds=seconds) for seconds in control]


def _measured(**fields: Any) -> Measurement:
    quiet: dict[str, Any] = {
        "seconds": 10.0,
        "answers": _answers(good=[0.01] * 200, control=[0.01] * 200),
        "memory": [Memory("webhook", 100 * MIB, 384 * MIB)],
        "log_bytes": 100_000,
        "outputs": {"the log": '{"event": "webhook_answered"}'},
    }
    return Measurement(**(quiet | fields))


WITHIN = {
    "nothing special": {},
    "one of 100 late": {"answers": _answers(good=[0.01] * 99 + [5])},
    "late at both": {"answers": _answers(good=[5] * 100, control=[5] * 99)},
    "a refusal at the control": {"answers": [*_answers(good=[0.01]), GoodAnswer(is_control=True, status=0, seconds=1)]},
    "memory at its limit": {"memory": [Memory("webhook", 384 * MIB, 384 * MIB)]},
}
BEYOND = {
    "one refused": ({"answers": _answers(good=[0.01], status=503)}, "got no 200, but [503]"),
    "one without an answer": ({"answers": _answers(good=[30], status=0)}, "got no 200, but [0]"),
    "late": ({"answers": _answers(good=[0.01] * 97 + [2] * 3, control=[0.01])}, "3 of 100 good events were answered"),
    "no good event": ({"answers": _answers(good=[], control=[0.01])}, "the attack proves nothing"),
    "memory": ({"memory": [Memory("pages", 385 * MIB, 384 * MIB)]}, "pages used 385 MiB"),
    "log": ({"log_bytes": 700_000}, "the logs grew by 68 KiB/s"),
    "personal data": ({"outputs": {"the log": f"from {EMAIL.upper()}"}}, "the log contains 'seidenschwanz'"),
    "a secret": ({"outputs": {"the metrics": SECRETS[0]}}, "the metrics contains 'blaukehlchen'"),
    "a traceback": ({"outputs": {"the log": "Traceback (most recent call last):"}}, "the log contains 'Traceback"),
}


@pytest.mark.parametrize("fields", WITHIN.values(), ids=WITHIN.keys())
def test_what_is_within_the_limits_is_accepted(fields: dict[str, Any]) -> None:
    assert [*judge(_measured(**fields))] == []


@pytest.mark.parametrize(("fields", "problem"), BEYOND.values(), ids=BEYOND.keys())
def test_each_limit_that_did_not_hold_is_named(fields: dict[str, Any], problem: str) -> None:
    problems = [*judge(_measured(**fields))]

    assert any(problem in one for one in problems), problems


def test_a_run_with_a_problem_is_not_recorded() -> None:
    held = AttackResult(ATTACKS[0], "nothing", _measured(), [], [])

    assert record_of([held], "a machine", 60)["attacks"]
    with pytest.raises(ValueError, match=ATTACKS[0].name):
        record_of([held._replace(problems=["late"])], "a machine", 60)


def test_every_column_has_a_cell() -> None:
    assert len(cells(_measured())) == len(COLUMNS)


def test_every_attack_has_a_name_of_its_own() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.limit and attack.asset and attack.description for attack in ATTACKS)
