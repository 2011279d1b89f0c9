"""Which API calls go wrong."""

import random

from stripe_emulator.emulator import ApiGate
from stripe_emulator.faults.faults import ApiFault


def test_a_gate_without_a_fault_lets_everything_through() -> None:
    assert ApiGate().strike("/v1/charges") is None


def test_only_paths_that_begin_so_are_struck() -> None:
    fault = ApiFault(status=500, path="/v1/checkout")
    gate = ApiGate(fault)

    assert gate.strike("/v1/checkout/sessions") is fault
    assert gate.strike("/v1/charges") is None


def test_a_fault_strikes_so_many_times() -> None:
    gate = ApiGate(ApiFault(status=500), left=2)

    assert [gate.strike("/v1/charges") is not None for _ in range(4)] == [True, True, False, False]


def test_a_fault_strikes_by_chance() -> None:
    gate = ApiGate(ApiFault(status=500, probability=0.5), chance=random.Random(1))

    struck = [gate.strike("/v1/charges") is not None for _ in range(100)]
    assert 30 < sum(struck) < 70
