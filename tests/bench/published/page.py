"""Writes docs/reference/performance.md from the figures of one run."""

import textwrap
from collections.abc import Iterator

from tests.bench.candidates import FLOOR, MEANING, OURS
from tests.bench.comparison import SERVER_COLUMNS
from tests.bench.published import scale, table_sizes
from tests.bench.published.pieces import PIECES
from tests.bench.published.report import Report, read
from tests.bench.published.stages import STAGES
from tests.docs.model import table_of

WIDTH = 120


def performance_page() -> Iterator[str]:
    """The results of one run of `make bench`."""
    report = read()
    yield "# Performance"
    yield ""
    for section in (_limits, _servers, _capacity, _table_sizes, _outage, _profile, _pieces, _units, _scale):
        yield from section(report)


def _paragraph(*sentences: str) -> Iterator[str]:
    yield from textwrap.wrap(" ".join(sentences), WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""


def _limits(report: Report) -> Iterator[str]:
    yield from _paragraph(
        f"One run of `make bench ARGS=--publish` on a machine with {report.machine} ({report.date},",
        f"{report.minutes:.0f} minutes). The sender and the stand-ins for DynamoDB and the trace collector run on",
        "the same machine; only the CPU of the server's own process is counted. All servers are up at once and take",
        "turns. A ratio is that of two neighbouring turns. In brackets is the middle half of the turns.",
    )
    yield "## Limits"
    yield ""
    rows = ((one.name, one.connections, one.measured, one.limit, one.met) for one in report.limits)
    yield from table_of(("figure", "connections", "measured", "limit", "met"), rows)
    yield ""
    yield from _paragraph(f"The figures of {OURS.name} include metrics, log lines and a tenth of the traces.")


def _servers(report: Report) -> Iterator[str]:
    yield "## Servers"
    yield ""
    names = {server.name for servers in report.servers.values() for server in servers}
    yield from (f"- **{name}**: {meaning}." for name, meaning in MEANING.items() if name in names)
    yield ""
    for connections, servers in report.servers.items():
        yield f"### {_connections(connections).capitalize()}"
        yield ""
        yield from table_of(("server", *SERVER_COLUMNS), ((server.name, *server.cells) for server in servers))
        yield ""
    yield from (f"- **{column}**: {meaning}." for column, meaning in SERVER_COLUMNS.items())
    yield ""


def _capacity(report: Report) -> Iterator[str]:
    yield "## One pod"
    yield ""
    yield from _paragraph(
        "First, each connection sends the next event when the last one is answered. Then events are due at half of",
        "that rate, whether or not the earlier ones are answered; the time of an answer counts from when its event",
        "was due.",
    )
    columns = ("connections", "CPU per event, µs", "events/s per core", "most events/s here")
    rows = (
        (
            row.connections,
            row.cpu_us.text(".0f"),
            row.per_core.text(",.0f"),
            row.maximum.text(",.0f"),
            row.half_p50_ms.text(".2f"),
            row.half_p99_ms.text(".2f"),
        )
        for row in report.capacity
    )
    yield from table_of((*columns, "p50 at half load, ms", "p99 at half load, ms"), rows)
    yield ""


def _table_sizes(report: Report) -> Iterator[str]:
    sizes = report.sizes
    yield "## Payments in the table"
    yield ""
    yield from _paragraph(
        "Every event is the first of a payment that is already in the table, on one connection, with DynamoDB",
        "Local. The first write applies it, without a read, whatever the size of the table. The ratio to the",
        f"smallest table is at most {table_sizes.SIZE_RATIO}. The CPU per event is larger than above, because few",
        "events arrive in a second. The units are those of one event, as [below](#dynamodb-units-and-their-price).",
    )
    rows = (
        (
            f"{row.payments:,}",
            row.cpu_us.text(".0f"),
            row.ratio.text(".2f"),
            "yes" if row.met else "NO",
            f"{row.reads:g}",
            row.writes,
        )
        for row in sizes.rows
    )
    columns = ("payments", "CPU per event, µs", "ratio to the smallest table", "met", "read units", "write units")
    yield from table_of(columns, rows)
    yield ""
    yield from _paragraph(
        f"The tables were filled in {sizes.fill_seconds:.0f} s, by copies of one row in DynamoDB Local's file. A",
        "million writes through its API take ten minutes.",
    )


def _outage(report: Report) -> Iterator[str]:
    burst = report.sizes.burst
    yield "## After an outage"
    yield ""
    yield from _paragraph(
        f"{burst.events:,} different events arrived at once on {burst.connections} connections, with DynamoDB Local",
        f"and {table_sizes.BURST_TABLE:,} payments. All were applied in {burst.seconds:.1f} s: p50",
        f"{burst.p50_ms:.0f} ms, p99 {burst.p99_ms:.0f} ms. The limit of the p99 is {table_sizes.BURST_P99_MS:,} ms.",
    )


def _profile(report: Report) -> Iterator[str]:
    yield "## Where the CPU goes"
    yield ""
    yield from _paragraph(
        "The CPU per event in µs, by package, from profiles with py-spy. Our packages have the names of their folders.",
        "Time in C code counts for the Python function that called it, and time in the standard library for its",
        "caller: so the event loop and its system calls count for `uvicorn`, which runs it. A package without a figure",
        "has less than one percent.",
    )
    profiles = report.profiles
    names = dict.fromkeys(name for profile in profiles.values() for name in profile.packages)
    cells = ((f"`{name}`", *(_us(profile.packages.get(name)) for profile in profiles.values())) for name in names)
    whole = ("**all**", *(f"**{_us(profile.cpu_us)}**" for profile in profiles.values()))
    kernel = ("of which in the kernel", *(_us(profile.kernel_us) for profile in profiles.values()))
    columns = (_connections(number) for number in profiles)
    yield from table_of(("package", *columns), [*cells, whole, kernel])
    yield ""
    yield from _lone_event(report)


def _lone_event(report: Report) -> Iterator[str]:
    """Why an event alone costs more than one of a burst."""
    lone, *_, burst = report.profiles.values()
    yield from _paragraph(
        f"An event alone costs {lone.cpu_us - burst.cpu_us:.0f} µs more than one of a burst. It pays for a whole call",
        "to DynamoDB: one signature, one request and one response, which take about 115,000 of its 690,000",
        "instructions (counted with callgrind; 580,000 in a burst of 12). And the process waits twice for each event,",
        "for the sender and for DynamoDB, while others use its core: it goes on with cold caches, so the same",
        "instructions take up to twice as long, also in the kernel. What is left is spread over 140 functions of ours,",
        "of which none has more than 3% of the time (counted with cProfile).",
    )


def _us(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _connections(number: int) -> str:
    return "one connection" if number == 1 else f"{number} connections"


def _pieces(report: Report) -> Iterator[str]:
    yield from _paragraph("The limit is what remains if everything else cost nothing, each measured alone:")
    pieces = [(name, how, f"{report.pieces[name]:.1f}") for name, how in PIECES.items()]
    total = sum(report.pieces[name] for name in PIECES)
    yield from table_of(("piece", "how", "CPU, µs"), [*pieces, ("**sum**", "", f"**{total:.1f}**")])
    yield ""
    yield from _paragraph(
        f"The {FLOOR.name} above has the first and the last piece, and also reads and answers HTTP requests. In a",
        f"burst up to {scale.BATCH} events share one call, so an event can cost less than this sum.",
    )


def _units(report: Report) -> Iterator[str]:
    yield "## DynamoDB units and their price"
    yield ""
    yield from _paragraph(
        "The units of one payment by stage, with all indexes. Reads are as DynamoDB Local reports them. Writes",
        "follow from the items before and after, by the rules of DynamoDB's developer guide: one unit per KiB for",
        "the table, and for each index whose copy of the item changes; two if its key changes. A write whose",
        "condition was false counts too.",
    )
    columns = ("reads", "writes", "reads with notifications", "writes with notifications", "item, bytes")
    rows = [
        (
            row.stage,
            STAGES[row.stage],
            f"{row.reads:g}",
            row.writes,
            f"{row.notifying_reads:g}",
            row.notifying_writes,
            row.item_bytes,
        )
        for row in report.stages
    ]
    yield from table_of(("stage", "what happens", *columns), rows)
    yield ""
    plain, notifying = (scale.price_of_a_million(report.stages, notifications=each) for each in (False, True))
    yield from _paragraph(
        f"A million payments that pass every stage once cost {_dollars(plain)}; with notifications",
        f"{_dollars(notifying)}. This is the {scale.PRICE_SOURCE}: US$ {scale.WRITE_PRICE} for a million write",
        f"request units and US$ {scale.READ_PRICE} for a million read request units. Storage, backups and taxes are",
        "not included.",
    )


def _dollars(price: scale.Price) -> str:
    return f"US$ {price.dollars:.2f} ({price.writes} write and {price.reads:g} read units each)"


def _scale(report: Report) -> Iterator[str]:
    yield "## How far one table scales"
    yield ""
    yield from _paragraph(
        f"On paper, for {scale.EVENTS_PER_SECOND:,} events `checkout.session.completed` per second:",
    )
    for item in scale.steps(report.stages, report.capacity):
        yield from textwrap.wrap(
            f"- {item}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
