"""Tests which API calls fail."""

import random

import pytest

from stripe_emulator.faults.faults import ApiFault
from stripe_emulator.faults.gate import ApiGate, injected_error


def test_without_a_fault_every_call_succeeds() -> None:
    assert ApiGate().next_fault("/v1/charges") is None


def test_a_fault_affects_only_paths_with_its_prefix() -> None:
    fault = ApiFault(status=500, path="/v1/checkout")
    gate = ApiGate(fault)

    assert gate.next_fault("/v1/checkout/sessions") is fault
    assert gate.next_fault("/v1/charges") is None


def test_a_fault_ends_after_a_number_of_calls() -> None:
    gate = ApiGate(ApiFault(status=500), left=2)

    assert [gate.next_fault("/v1/charges") is not None for _ in range(4)] == [True, True, False, False]


def test_a_fault_affects_calls_with_its_probability() -> None:
    gate = ApiGate(ApiFault(status=500, probability=0.5), generator=random.Random(1))

    faulty = [gate.next_fault("/v1/charges") is not None for _ in range(100)]
    assert 30 < sum(faulty) < 70


def test_the_same_seed_fails_the_same_calls() -> None:
    gate, fault = ApiGate(), ApiFault(status=500, probability=0.5)
    runs = []
    for _ in range(2):
        gate.set(fault, seed=7)
        runs.append([gate.next_fault("/v1/charges") is not None for _ in range(20)])

    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(402, "card_error", "card_declined"), (429, "invalid_request_error", "rate_limit"), (500, "api_error", None)],
)
def test_an_injected_error_looks_like_stripe_s(status: int, kind: str, code: str | None) -> None:
    error = injected_error(status)

    assert (error.status, error.kind, error.code) == (status, kind, code)
