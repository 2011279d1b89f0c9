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
from tests.bench.measure import Bench, Server
from tests.bench.published import capacity, report, stages, table_sizes
from tests.bench.published.report import LimitRecord, Profile, Report, ServerRecord
from tests.bench.published.stored_payments import JARS
from tests.docs import reference
from tests.support.ports import free_port

PROFILE_EVENTS = 20_000
PROFILED = (CONNECTIONS[0], CONNECTIONS[-1])
SMALLEST_SHARE = 0.01


def publish(bench: Bench, measured: Measured, started: float, console: Console) -> bool:
    """Measures the rest of the page, writes it, and returns whether its own limits are met."""
    console.print("Now the rest of docs/reference/performance.md: at half load")
    capacity_rows = capacity.measure(bench)
    console.print("profiles, and their pieces alone")
    profiles = _profiles(bench)
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
            profiles=profiles,
            pieces=pieces,
            stages=stage_rows,
        )
    )
    page = reference.FOLDER / "performance.md"
    page.write_text(reference.text_of(page.name))
    console.print(f"Wrote {report.FILE} and {page}.", soft_wrap=True)
    return sizes.met


def _profiles(bench: Bench) -> dict[int, Profile]:
    """By the number of connections."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, bench.serving(OURS) as server:
        return {number: _profile(server, number, Path(folder) / f"{number}.txt") for number in PROFILED}


def _profile(server: Server, connections: int, file: Path) -> Profile:
    process = psutil.Process(server.process_id)
    before = process.cpu_times()
    cpu_us = server.turn(connections, PROFILE_EVENTS).cpu_us
    after = process.cpu_times()
    kernel, own = after.system - before.system, after.user - before.user
    with cpu_profile.recording(server.process_id, file):
        server.turn(connections, PROFILE_EVENTS)
    counts, _ = cpu_profile.shares(file.read_text())
    packages = {package: count / counts.total() * cpu_us for package, count in counts.most_common()}
    return Profile(
        cpu_us=cpu_us,
        kernel_us=cpu_us * kernel / (kernel + own),
        packages={package: us for package, us in packages.items() if us >= SMALLEST_SHARE * cpu_us},
    )


def _machine() -> str:
    """The class of this machine, without its name."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{os.cpu_count()} cores and {memory} GB, {platform.system()}, Python {platform.python_version()}"
