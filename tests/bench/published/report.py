"""Defines what one run of `make bench ARGS=--publish` records for the documents."""

from pathlib import Path

import msgspec

from tests.bench.processes import ROOT
from tests.bench.published.capacity import CapacityRow
from tests.bench.published.stages import StageRow
from tests.bench.published.table_sizes import SizesResult

FILE = ROOT / "docs" / "reference" / "performance.json"
"""The figures of one run; `make docs` writes the page from them."""


class LimitRecord(msgspec.Struct):
    """The cells of one limit."""

    name: str
    connections: str
    measured: str
    limit: str
    met: str


class ServerRecord(msgspec.Struct):
    """The cells of one server, in the order of the columns."""

    name: str
    cells: list[str]


class Profile(msgspec.Struct):
    """The CPU per event in µs: all of it, that of the kernel, and that of each package, which includes its calls."""

    cpu_us: float
    kernel_us: float
    packages: dict[str, float]


class Report(msgspec.Struct):
    """The figures of one run."""

    date: str
    machine: str
    minutes: float
    limits: list[LimitRecord]
    servers: dict[int, list[ServerRecord]]
    capacity: list[CapacityRow]
    sizes: SizesResult
    profiles: dict[int, Profile]
    pieces: dict[str, float]
    stages: list[StageRow]


def read(file: Path = FILE) -> Report:
    """The report of the last published run."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def write(report: Report, file: Path = FILE) -> None:
    """Replaces the report."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
