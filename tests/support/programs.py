"""Runs programs, and installs those that tests need, once, into a folder that git ignores."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def run(command: list[Any], folder: Path, **options: Any) -> str:
    """Runs a program in a folder and returns its output; the test fails with its output if the program does."""
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    output: str = finished.stdout
    return output


@contextmanager
def installation(target: Path, lock_file: Path, runtime: str = "") -> Iterator[Path | None]:
    """Yields an empty folder to install into, or None if this lock file is installed there; one process installs.

    `runtime` names what the installed programs run on, if they do not run on another one.
    """
    version, marker = hashlib.sha256(lock_file.read_bytes() + runtime.encode()).hexdigest(), target / "installed"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == version:
            yield None
            return
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        yield target
        marker.write_text(version)
