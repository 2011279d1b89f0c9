"""Tests the validation of faults."""

from typing import Any

import pytest

from stripe_emulator.faults import faults
from stripe_emulator.faults.faults import ApiFault, EventFaults, Faults, Reorder


def test_without_a_request_there_are_no_faults() -> None:
    assert faults.read({}) == Faults()


def test_everything_can_be_requested() -> None:
    requested = {
        "delay_seconds": 0.5,
        "duplicate": 2,
        "drop": 0.25,
        "reorder": {"hold": 5, "seed": 7, "release_after_seconds": 3},
        "per_type": {"charge.succeeded": {"drop": True}},
        "api_error": {"status": 429, "probability": 0.5, "times": 3, "path": "/v1/checkout", "stored": True}
        | {"retry_after": 2},
        "clock_seconds": -600,
        "seed": 1,
    }

    assert faults.read(requested) == Faults(
        delay_seconds=0.5,
        duplicate=2,
        drop=0.25,
        per_type={"charge.succeeded": EventFaults(drop=1.0)},
        reorder=Reorder(hold=5, seed=7, release_after_seconds=3.0),
        api_error=ApiFault(status=429, probability=0.5, times=3, path="/v1/checkout", stored=True, retry_after=2),
        clock_seconds=-600,
        seed=1,
    )


def test_the_faults_of_a_type_replace_the_general_ones() -> None:
    requested = faults.read({"duplicate": 1, "per_type": {"charge.succeeded": {"delay_seconds": 2}}})

    assert requested.of("charge.succeeded") == EventFaults(delay_seconds=2.0)
    assert requested.of("charge.failed") == EventFaults(duplicate=1)


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ([], "body must be an object"),
        ({"delay": 1}, "unknown field delay"),
        ({"delay_seconds": "1"}, "delay_seconds must be a number"),
        ({"delay_seconds": -1}, "delay_seconds must be a number"),
        ({"duplicate": 1.5}, "duplicate must be a whole number"),
        ({"duplicate": True}, "duplicate must be a whole number"),
        ({"drop": 1.1}, "drop must be a number from 0 to 1"),
        ({"clock_seconds": 90000}, "clock_seconds must be a whole number from -86400 to 86400"),
        ({"reorder": {}}, "reorder.hold must be a whole number from 2"),
        ({"reorder": {"hold": 3, "seeds": 1}}, "unknown field reorder.seeds"),
        ({"per_type": {"charge.failed": {"x": 1}}}, "unknown field per_type.charge.failed.x"),
        ({"per_type": {"charge.failed": 1}}, "per_type.charge.failed must be an object"),
        ({"per_type": {"charge.fialed": {}}}, "per_type.charge.fialed is not an event type of this emulator"),
        ({"api_error": {}}, "needs one of status, drop, or delay_seconds"),
        ({"api_error": {"status": 500, "drop": "request"}}, "needs one of status, drop, or delay_seconds"),
        ({"api_error": {"status": 200}}, "api_error.status must be one of"),
        ({"api_error": {"drop": "both"}}, "api_error.drop must be request"),
        ({"api_error": {"status": 500, "path": "v1"}}, "api_error.path must be"),
        ({"api_error": {"status": 500, "times": 0}}, "api_error.times must be"),
        ({"api_error": {"status": 500, "stored": 1}}, "api_error.stored must be"),
        ({"api_error": {"status": 429, "retry_after": -1}}, "api_error.retry_after must be"),
        ({"seed": "x"}, "seed must be a whole number"),
    ],
)
def test_an_invalid_fault_is_explained(requested: Any, message: str) -> None:
    with pytest.raises(faults.InvalidFaultsError, match=message.replace("(", r"\(")):
        faults.read(requested)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(faults.InvalidFaultsError) as error_info:
        faults.read({"drop": 2, "duplicate": -1, "colour": "red"})

    assert len(str(error_info.value).split("; ")) == 3
