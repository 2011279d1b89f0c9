"""Runs the programs of the installation and prints their progress."""

import locale
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from install_problems import InstallError, explanation

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
SILENT_SECONDS = 3.0
FOUND = re.compile(
    r"(?:Collecting|Requirement already satisfied:) ([\w.-]+?)(?:[=<>~!;\[ ]|$)|Processing (?:.*/)?([\w.]+)-\d\S*\.whl"
)
"""A package in pip's output: from an index, installed before, or a file on this machine."""


def normal_name(name: str) -> str:
    """The name of a package as it is compared with others."""
    return re.sub(r"[._-]+", "-", name.lower())


class Step:
    """Prints the progress of one program: each line of its output comes here, and each moment without a line."""

    def __init__(self, title: str) -> None:
        self._started = time.monotonic()
        print(title, flush=True)

    def on_line(self, line: str) -> None:
        """Prints nothing for a line of the output."""

    def on_silence(self) -> None:
        """Prints that the program still runs."""
        print(f"  still at work after {time.monotonic() - self._started:.0f} s", flush=True)


class PackagesStep(Step):
    """Prints how many packages pip has found, and then how many it has installed."""

    def __init__(self, lock: Path) -> None:
        super().__init__(f"Installing the packages of {lock.relative_to(ROOT)} into .venv")
        self._total = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
        self._found: set[str] = set()
        self._writes = False
        self._retries = False

    def on_line(self, line: str) -> None:
        """Counts the packages. Those of another system are not installed."""
        if line.startswith("Ignoring "):
            self._total -= 1
        elif match := FOUND.match(line):
            self._count(normal_name(match[1] or match[2]))
        elif line.startswith("Installing collected packages"):
            self._writes = True
        elif "Retrying (" in line and not self._retries:
            self._retries = True
            print("  the package index does not answer: trying again", flush=True)

    def on_silence(self) -> None:
        """Prints how far pip is."""
        if self._writes:
            print(f"  {self._installed()} of {self._total} installed", flush=True)
        else:
            super().on_silence()

    def _count(self, name: str) -> None:
        before = len(self._found)
        self._found.add(name)
        count = len(self._found)
        if count > before and (count % 20 == 0 or count == self._total):
            print(f"  {count} of {self._total} found", flush=True)

    def _installed(self) -> int:
        folders = VENV.glob("lib/*/site-packages/*.dist-info")
        names = {normal_name(path.name.partition("-")[0]) for path in folders}
        return len(names & self._found)


def run(step: Step, *command: str | Path) -> None:
    """Runs a program and reports its progress. Raises InstallError if it fails."""
    env = {"PIP_RETRIES": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **os.environ, "PIP_USER": "0"}
    env["PYTHONUNBUFFERED"] = "1"
    try:
        str(ROOT).encode(locale.getencoding())
    except UnicodeEncodeError:  # setuptools writes the folder's name in the locale's encoding
        env["LC_ALL"] = "C.UTF-8"
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            lines = _read(process, step)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # with the programs that it has started
            raise
    if process.returncode:
        raise InstallError(explanation(lines))


def _read(process: "subprocess.Popen[bytes]", step: Step) -> Sequence[str]:
    """The lines of the output until the program ends."""
    assert process.stdout is not None
    lines: list[str] = []
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(SILENT_SECONDS):
                step.on_silence()
                continue
            written = os.read(process.stdout.fileno(), 65536)
            if not written:
                return lines
            *complete, rest = (rest + written).split(b"\n")
            for line in complete:
                lines.append(line.decode(errors="replace"))
                step.on_line(lines[-1])
