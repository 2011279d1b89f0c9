"""Runs `init-table` against a stand-in for AWS' control plane over HTTP."""

import os
import sys
from pathlib import Path

import pytest

from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.setup import creation
from tests.support import forked
from tests.support.control_plane import Answer, ControlPlane, error, serving

ALL = [index["IndexName"] for index in table.INDEXES]
AWS = TableSettings.model_validate({"DDB_ENDPOINT": "", "DYNAMODB_PAYMENTS_TABLE": "payments"})
BACKUPS = error("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: payments.")


def _ensure(plane: ControlPlane, wait_seconds: float = 60) -> str:
    client = creation.client(AWS.model_copy(update={"ddb_endpoint": plane.endpoint}))
    try:
        return creation.ensure(client, AWS, wait_seconds)
    finally:
        client.close()


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param({"UpdateContinuousBackups": [BACKUPS] * 3}, id="backups are being enabled"),
        pytest.param({"CreateTable": [Answer(500, b"{}", seconds=1.4)]}, id="slow"),
        pytest.param({"DescribeTable": [error("ThrottlingException", "Rate exceeded")]}, id="throttled"),
        pytest.param({"DescribeTable": [Answer(503, b"<html>starting</html>")] * 2}, id="starting"),
        pytest.param({"DescribeTable": [Answer(502)], "CreateTable": [Answer(None)]}, id="connection closed"),
        pytest.param({"CreateTable": [error("LimitExceededException", "too many tables")]}, id="other tables"),
    ],
)
def test_a_new_table_survives_the_control_plane(problem: dict[str, list[Answer]]) -> None:
    with serving(ControlPlane(None, problem)) as plane:
        result = _ensure(plane)

    assert result == "table payments created"
    assert plane.calls[-1] == "UpdateContinuousBackups"
    assert not any(plane.instead_of.values())


def test_a_call_that_takes_longer_than_a_read_succeeds() -> None:
    slow = Answer(200, b'{"Table": {"TableStatus": "ACTIVE"}}', seconds=1.4)

    with serving(ControlPlane(ALL, {"DescribeTable": [slow]})) as plane:
        _ensure(plane)

    assert plane.calls.count("CreateTable") == 0


def test_an_upgrade_goes_on_while_a_big_index_is_built() -> None:
    plane = ControlPlane(ALL[:3])
    plane.builds_for_hours = True

    with serving(plane):
        first, second = _ensure(plane, 1), _ensure(plane, 1)

    assert f"added {ALL[3]}; index {ALL[3]} is still being built" in first
    assert all(f"index {name} is still missing" in first for name in ALL[4:])
    assert "exists; its stream cannot be switched on while an index is built" in second
    assert f"index {ALL[3]} is still being built" in second
    assert plane.is_protected
    assert plane.indexes == {**dict.fromkeys(ALL[:3], "ACTIVE"), ALL[3]: "CREATING"}


def test_the_real_cause_is_named_when_the_time_is_over() -> None:
    with (
        serving(ControlPlane(None, {"UpdateContinuousBackups": [BACKUPS] * 99})) as plane,
        pytest.raises(
            creation.TableError, match=r"Backups are being enabled.*busy for 0.5 s with switching on the poi"
        ),
    ):
        _ensure(plane, 0.5)


def test_the_command_ends_well_and_says_what_is_not_done(tmp_path: Path) -> None:
    plane = ControlPlane(ALL[:5])
    plane.builds_for_hours = True
    with serving(plane):
        env = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "DDB_ENDPOINT": ""}
        env |= {"AWS_ENDPOINT_URL_DYNAMODB": plane.endpoint, "DYNAMODB_PAYMENTS_TABLE": "payments"}
        command = [sys.executable, "-m", "lea_payments", "init-table", "--wait=1"]
        result = forked.run(command, env=env, folder=tmp_path)

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"table payments exists; added {ALL[5]}; index {ALL[5]} is still being built")
