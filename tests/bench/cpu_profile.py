"""Records a running Python process with py-spy and adds up its CPU time by package.

py-spy sees Python frames only: time in C code counts for the Python function that called it. It stops the process for
each sample, which wakes waiting threads; their samples are left out. A busy machine makes socket calls look expensive.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import BenchError

SAMPLES_PER_SECOND = 500
_PY_SPY = str(Path(sys.executable).parent / "py-spy")
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(:\d+)?\)")
_STANDARD_LIBRARY = "Python's standard library"
_WAITING = re.compile(
    r"(\S*\.)?(select|wait|accept|_worker) \(.*/(selectors|threading|socket|concurrent/futures/thread)\.py\)"
)


@contextmanager
def recording(process_id: int, output: Path) -> Iterator[None]:
    """Records the process during the block; raises BenchError if py-spy is not allowed to."""
    options = f"--pid {process_id} --rate {SAMPLES_PER_SECOND} --format raw --full-filenames --nolineno --output"
    command = (_PY_SPY, "record", *options.split(), str(output))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as py_spy:
        assert py_spy.stdout is not None
        first_line = py_spy.stdout.readline()
        if "Sampling process" not in first_line:
            raise BenchError(_advice(first_line + py_spy.stdout.read()))
        yield
        py_spy.send_signal(signal.SIGINT)
        messages, _ = py_spy.communicate(timeout=60)
    if py_spy.returncode or not output.exists():
        raise BenchError(_advice(first_line + messages))


def _advice(messages: str) -> str:
    if "Permission" not in messages:
        return f"py-spy recorded nothing: {messages}"
    return (
        "py-spy may not look into another process here. Run `make bench ARGS=--profile` as root, or allow it until "
        "the next restart: sudo sysctl kernel.yama.ptrace_scope=0. In a container, add the capability SYS_PTRACE."
    )


def shares(recorded: str) -> tuple[Counter[str], Counter[str]]:
    """The samples by package, and by `package: function`, from py-spy's raw format: a stack and its count per line."""
    packages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in recorded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if _WAITING.fullmatch(frames[-1]):
            continue
        package, function = _place(frames)
        packages[package] += int(count)
        functions[f"{package}: {function}"] += int(count)
    return packages, functions


def _place(stack: list[str]) -> tuple[str, str]:
    """The innermost frame outside the standard library, whose time counts for its caller."""
    frames = [match for frame in reversed(stack) if (match := _FRAME.fullmatch(frame))]
    for frame in frames:
        if package := _package(frame["file"]):
            return package, f"{Path(frame['file']).name} {frame['function']}"
    return _STANDARD_LIBRARY, frames[0]["function"] if frames else stack[-1]


def _package(file: str) -> str | None:
    """`webhook` for our own package of that name, `uvicorn` for an installed one, None for the standard library."""
    for parent in ("/lea_payments/", "/site-packages/"):
        _, found, path = file.rpartition(parent)
        if found:
            return path.partition("/")[0].removesuffix(".py")
    return None
