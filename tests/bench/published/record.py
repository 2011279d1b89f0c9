"""Measures what the documents publish beside the comparison, and writes the report and its page."""

import datetime as dt
import os
import platform
import tempfile
import time
from pathlib import Path

import msgspec
import psutil
from rich.console import Console

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.bench import cpu_profile
from tests.bench.candidates import OURS
from tests.bench.comparison import Measured, server_cells
from tests.bench.limits import CONNECTIONS, results
from tests.bench.measure import Bench
from tests.bench.published import capacity, report, stages, table_sizes
from tests.bench.published.report import LimitRecord, ProfileRow, Report, ServerRecord
from tests.bench.published.stored_payments import JARS
from tests.docs import reference
from tests.support.ports import free_port

PROFILE_EVENTS = 20_000
SMALLEST_SHARE = 0.01


def publish(bench: Bench, measured: Measured, started: float, console: Console) -> bool:
    """Measures the rest of the page, writes it, and returns whether its own limits are met."""
    console.print("Now the rest of docs/reference/performance.md: at half load")
    capacity_rows = capacity.measure(bench)
    console.print("a profile, and its pieces alone")
    profile = _profile(bench)
    pieces = msgspec.json.decode(bench.output_of("tests.bench.published.pieces"), type=dict[str, float])
    console.print("the units of each stage")
    with DynamoDBLocal(free_port(), None, JARS) as dynamodb:
        stage_rows = stages.measure(dynamodb.endpoint)
    console.print("tables of up to a million payments, and a burst")
    sizes = table_sizes.measure()
    minutes = (time.monotonic() - started) / 60
    report.write(
        Report(
            date=f"{dt.datetime.now(tz=dt.UTC):%-d %B %Y}",
            machine=_machine(),
            minutes=minutes,
            limits=[LimitRecord(*result.cells()) for result in results(measured)],
            servers={
                number: [ServerRecord(name, [*server_cells(taken)]) for name, taken in turns.items()]
                for number, turns in measured.items()
            },
            capacity=capacity_rows,
            sizes=sizes,
            profile=profile,
            pieces=pieces,
            stages=stage_rows,
        )
    )
    page = reference.FOLDER / "performance.md"
    page.write_text(reference.text_of(page.name))
    console.print(f"Wrote {report.FILE} and {page}.", soft_wrap=True)
    return sizes.met


def _profile(bench: Bench) -> list[ProfileRow]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, bench.serving(OURS) as server:
        file = Path(folder) / "profile.txt"
        cpu_us = server.turn(CONNECTIONS[-1], PROFILE_EVENTS).cpu_us
        with cpu_profile.recording(server.process_id, file):
            server.turn(CONNECTIONS[-1], PROFILE_EVENTS)
        packages, _ = cpu_profile.shares(file.read_text())
    shares = {package: count / packages.total() for package, count in packages.most_common()}
    return [ProfileRow(name, share, share * cpu_us) for name, share in shares.items() if share >= SMALLEST_SHARE]


def _machine() -> str:
    """The class of this machine, without its name."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores and {memory} GB, {platform.system()}, Python {platform.python_version()}"
