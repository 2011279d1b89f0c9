from msgspec.structs import replace

from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Fact, Kind
from lea_payments.reconciler import waiting
from tests.support.scenarios import record

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC, in seconds since 1970."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def test_payments_wait_for_at_most_fourteen_days() -> None:
    days = list(waiting.days(NOON))

    assert (len(days), days[0], days[1], days[-1]) == (15, "2026-01-01", "2025-12-31", "2025-12-18")


def test_only_sessions_whose_money_is_on_its_way_wait() -> None:
    unpaid = Fact(kind=Kind.SESSION, state="unpaid")
    others = {"cs_paid": replace(unpaid, state="paid"), "pi_a": Fact(kind=Kind.INTENT, state="declined")}

    payment = replace(record("payment_1"), facts={"cs_a": unpaid, "cs_b": unpaid, **others})

    assert waiting.waiting_sessions(payment) == ["cs_a", "cs_b"]


def test_a_waiting_record_of_0_1_0_names_its_session() -> None:
    """The record has only the rank and the reason."""
    old = replace(record("payment_1"), status_rank=30, status_reason="awaiting_funds")
    without_session = replace(old, stripe_session_id=None)

    sessions = [waiting.waiting_sessions(replace(one, facts=with_evidence(one))) for one in (old, without_session)]

    assert sessions == [["cs_test_a"], []]


def test_each_payment_is_read_once_an_hour() -> None:
    clock = Clock()
    times = waiting.ReadTimes(clock)
    times.was_read("payment_1")

    at_once = times.due(["payment_1", "payment_2"])
    clock.now += 3599
    soon = times.due(["payment_1"])
    clock.now += 1
    later = times.due(["payment_1"])

    assert (at_once, soon, later) == (["payment_2"], [], ["payment_1"])


def test_the_payment_read_longest_ago_is_read_first() -> None:
    clock = Clock()
    times = waiting.ReadTimes(clock)
    times.due(["payment_1", "payment_2", "payment_3"])
    for payment_id in ("payment_2", "payment_1"):
        times.was_read(payment_id)
        clock.now += 1
    clock.now += 3600

    assert times.due(["payment_1", "payment_2", "payment_3"]) == ["payment_3", "payment_2", "payment_1"]
