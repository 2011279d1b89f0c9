"""Tests how the samples of a profile are added up."""

import pytest

from tests.bench.cpu_profile import shares

LOOP = "run (/usr/lib/python3/asyncio/runners.py)"
APPLY = "Store.apply (/app/services/lea_payments/store/payments.py)"


def test_a_sample_counts_for_the_innermost_package() -> None:
    recorded = f"{LOOP};{APPLY};encode (/venv/lib/site-packages/msgspec/json.py) 3\n{LOOP};{APPLY} 2\n{LOOP} 1"
    packages, functions = shares(recorded)

    assert packages == {"msgspec": 3, "store": 2, "Python's standard library": 1}
    assert functions["store: payments.py Store.apply"] == 2


def test_the_standard_library_counts_for_its_caller() -> None:
    packages, _ = shares(f"{LOOP};{APPLY};dumps (/usr/lib/python3/json/__init__.py) 4")

    assert packages == {"store": 4}


@pytest.mark.parametrize(
    "frame",
    [
        "socket.accept (/usr/lib/python3/socket.py)",
        "Condition.wait (/usr/lib/python3/threading.py)",
        "EpollSelector.select (/usr/lib/python3/selectors.py)",
        "_worker (/usr/lib/python3/concurrent/futures/thread.py)",
    ],
)
def test_a_thread_that_waits_does_not_count(frame: str) -> None:
    packages, functions = shares(f"{LOOP};{APPLY};{frame} 5")

    assert not packages
    assert not functions
