"""Tests when the receiver of stripe-sync-engine is left out of the benchmark."""

import os
from pathlib import Path

import pytest

from tests.bench.servers import sync_engine

PROGRAMS = ("node", "npm", *sync_engine.NEEDED)


def _install(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.mark.parametrize("absent", PROGRAMS)
def test_the_reason_names_the_program_that_is_missing(tmp_path: Path, absent: str) -> None:
    search = _install(tmp_path / "bin", *(name for name in PROGRAMS if name != absent))

    reason = sync_engine.missing(str(search), tmp_path / "none")

    assert reason.startswith(f"not found: {absent} (")
    assert "\n" not in reason


def test_debians_folder_of_the_server_is_searched_too(tmp_path: Path) -> None:
    search = _install(tmp_path / "bin", "node", "npm")
    _install(tmp_path / "postgresql" / "15" / "bin", *sync_engine.NEEDED)

    reason = sync_engine.missing(str(search), tmp_path / "postgresql")

    assert not reason or os.geteuid() == 0
