import pytest
from starlette.requests import Request
from structlog.testing import capture_logs

from lea_payments.serving.health import READY_CACHE_SECONDS, READY_FAILURES, Readiness, health
from lea_payments.store.errors import UnavailableError
from lea_payments.telemetry import store_calls

PROBE = Request({"type": "http"})


class Table:
    """A table that can be switched off, with a count of its reads."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.reads = 0

    async def ping(self) -> None:
        self.reads += 1
        if not self.available:
            raise UnavailableError("no answer")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _statuses(readiness: Readiness, clock: Clock, checks: int) -> list[int]:
    """The statuses of these checks, each after the cache has expired."""
    statuses = []
    for _ in range(checks):
        clock.now += READY_CACHE_SECONDS
        statuses.append((await readiness.check(PROBE)).status_code)
    return statuses


async def test_the_health_route_does_not_depend_on_the_table() -> None:
    assert (await health(PROBE)).body == b'{"status":"ok"}'


async def test_a_service_is_ready_after_one_read() -> None:
    readiness = Readiness(Table().ping)

    assert (await readiness.check(PROBE)).status_code == 200


async def test_a_service_is_not_ready_before_a_first_read() -> None:
    answer = await Readiness(Table(available=False).ping).check(PROBE)

    assert answer.status_code == 503
    assert b"the table of payments does not respond" in answer.body


async def test_a_read_is_cached() -> None:
    table, clock = Table(), Clock()
    readiness = Readiness(table.ping, clock)

    for seconds in (0, 1, READY_CACHE_SECONDS - 1.1, 0.2):
        clock.now += seconds
        await readiness.check(PROBE)

    assert table.reads == 2


async def test_three_failures_in_a_row_make_it_unready() -> None:
    table, clock = Table(), Clock()
    readiness = Readiness(table.ping, clock)
    await readiness.check(PROBE)
    table.available = False

    assert await _statuses(readiness, clock, READY_FAILURES + 1) == [200, 200, 503, 503]


async def test_one_success_makes_it_ready_again() -> None:
    table, clock = Table(), Clock()
    readiness = Readiness(table.ping, clock)
    await readiness.check(PROBE)
    table.available = False
    await _statuses(readiness, clock, READY_FAILURES)
    table.available = True

    assert await _statuses(readiness, clock, 1) == [200]


async def test_a_failed_ping_is_a_log_line_with_its_problem() -> None:
    store_calls._failed_pings._next_at.clear()
    with capture_logs() as lines:
        for _ in range(2):
            await Readiness(Table(available=False).ping).check(PROBE)

    assert [(line["event"], line["problem"]) for line in lines] == [("table_ping_failed", "no answer")]


async def test_another_error_is_not_hidden() -> None:
    async def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await Readiness(broken).check(PROBE)
