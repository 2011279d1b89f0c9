"""Checks that the published figures belong to the limits, servers and stages that the code has."""

import json
import re

import pytest

from tests.bench.candidates import ALL, FLOOR, MEANING, OFF, OURS, PEER, PLAIN
from tests.bench.comparison import SERVER_COLUMNS
from tests.bench.limits import CONNECTIONS, RATIOS, TOTALS, Figure, Limit, Result
from tests.bench.published import capacity, report, table_sizes
from tests.bench.published.pieces import PIECES
from tests.bench.published.record import PROFILED
from tests.bench.published.stages import STAGES
from tests.bench.servers import sync_engine
from tests.docs import reference

SERVERS = [PLAIN, PEER, FLOOR, OURS, OFF, ALL]


@pytest.fixture(scope="module")
def published() -> report.Report:
    return report.read()


def _cells(limit: Limit, connections: int) -> tuple[str, str, str]:
    name, number, _, bound, _ = Result(limit, connections, Figure(1, 1, 1)).cells()
    return name, number, bound


def test_the_published_limits_are_those_of_the_code(published: report.Report) -> None:
    names = {server.name for server in SERVERS}
    compared = [limit for limit in RATIOS if limit.over.name in names and limit.under and limit.under.name in names]
    expected = [
        _cells(limit, number) for limit in compared for number in CONNECTIONS if limit.bound(number) is not None
    ]
    expected += [_cells(limit, 0) for limit in TOTALS]

    assert [(one.name, one.connections, one.limit) for one in published.limits] == expected


def test_the_published_servers_are_those_of_the_code(published: report.Report) -> None:
    assert list(published.servers) == list(CONNECTIONS)
    for servers in published.servers.values():
        assert [server.name for server in servers] == [server.name for server in SERVERS]
        assert {len(server.cells) for server in servers} == {len(SERVER_COLUMNS)}


def test_the_page_names_the_version_of_the_other_receiver() -> None:
    package = json.loads((sync_engine.FOLDER / "package.json").read_text())

    assert (
        f"`@supabase/stripe-sync-engine` {package['dependencies']['@supabase/stripe-sync-engine']} "
        in MEANING[PEER.name]
    )


def test_every_part_of_the_page_was_measured(published: report.Report) -> None:
    assert [row.connections for row in published.capacity] == list(capacity.CONNECTIONS)
    assert [row.payments for row in published.sizes.rows] == list(table_sizes.SIZES)
    assert {(row.reads, row.writes > 0) for row in published.sizes.rows} == {(0, True)}
    assert published.sizes.burst.events == table_sizes.BURST
    assert list(published.pieces) == list(PIECES)
    assert [row.stage for row in published.stages] == list(STAGES)
    assert list(published.profiles) == list(PROFILED)
    for profile in published.profiles.values():
        assert 0.5 < sum(profile.packages.values()) / profile.cpu_us <= 1.001
        assert 0 < profile.kernel_us < profile.cpu_us


def test_the_page_says_when_and_on_what_it_was_measured(published: report.Report) -> None:
    page = reference.text_of("performance.md")

    assert re.fullmatch(r"\d{1,2} \w+ 20\d\d", published.date)
    assert re.fullmatch(r"\d+ cores and \d+ GB, \w+, Python [\d.]+", published.machine)
    assert published.date in page
