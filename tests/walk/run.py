"""Follows the README as a newcomer does: clones the project and pastes its commands, from the top to the bottom."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from tests.docs.documents import ROOT, blocks, logical_lines

README = ROOT / "README.md"
START_SECONDS = 900.0
"""With a slow network the packages take minutes."""

LEFT_OUT: Mapping[str, str] = {"make test": "it runs in a step of its own, and would run this walk again and again"}
"""Commands that are not executed, and why."""

ANSWERS: Mapping[str, str] = {
    ".venv/bin/lea-demo flow": "All checks passed.",
    "curl http://localhost:8084/payments": '"url":"http://localhost:8087/c/pay/cs_test_',
}
"""What the output of a command must contain, by the beginning of the command."""


class WalkError(Exception):
    """A command of the README does not do what the README says."""


class Terminal:
    """A terminal in which a program runs. It keeps what the program has printed."""

    def __init__(self, command: str, folder: Path, env: Mapping[str, str]) -> None:
        self._controller, terminal = pty.openpty()
        self.printed = ""
        # In a session of its own, the terminal controls it: closing the terminal stops it.
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str) -> None:
        """Waits until the output matches."""
        deadline = time.monotonic() + START_SECONDS
        while not re.search(pattern, self.printed):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise WalkError(f"it did not print {pattern}, but:\n{self.printed}")
            time.sleep(0.2)

    def interrupt(self) -> int:
        """Presses Ctrl-C, reads what is printed until the end, and returns the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        status = self.process.wait(60)
        self._reader.join(60)
        return status

    def _read(self) -> None:
        try:
            while written := os.read(self._controller, 65536):
                text = written.decode(errors="replace").replace("\r\n", "\n")
                print(text, end="", flush=True)
                self.printed += text
        except OSError:  # the program has ended
            return


def commands() -> Iterator[str]:
    """The commands of the README, in their order."""
    for block in blocks(README):
        if block.language == "sh":
            yield from logical_lines(block.text)


def run(command: str, folder: Path, env: Mapping[str, str], variables: list[str]) -> None:
    """Pastes one command into the second terminal. Raises WalkError if it fails."""
    print(f"\n$ {command}", flush=True)
    if command in LEFT_OUT:
        print(f"(left out: {LEFT_OUT[command]})")
        return
    if command.startswith("export "):
        variables.append(command)
    script = "\n".join([*variables, command])
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, flush=True)
    missing = [text for start, text in ANSWERS.items() if command.startswith(start) and text not in done.stdout]
    if done.returncode or missing:
        raise WalkError(f"{command}\nexit status {done.returncode}, missing {missing}")


def walk(folder: Path) -> None:
    """Walks through the README in a fresh clone of the last commit."""
    git = ["git", "-c", "safe.directory=*", "clone", "--quiet", str(ROOT), str(folder)]
    subprocess.run(git, check=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHONPATH"))}
    demo: Terminal | None = None
    variables: list[str] = []
    try:
        for command in commands():
            if command == "make demo":
                print(f"$ {command}", flush=True)
                demo = Terminal(command, folder, env)
                demo.wait_for(r"\nPay  http\S+\n")
            else:
                run(command, folder, env, variables)
    finally:
        status = demo.interrupt() if demo else None
    # GNU make exits with SIGINT, or with 0 if it was started with SIGINT ignored, as in the background of a shell.
    if demo is None or status not in (0, -signal.SIGINT) or "Everything has stopped." not in demo.printed:
        raise WalkError(f"Ctrl-C ended make demo with the exit status {status}")


def main() -> int:
    """Returns the exit status."""
    with TemporaryDirectory(prefix="a newcomer's ", ignore_cleanup_errors=True) as folder:
        try:
            walk(Path(folder) / "lea payments")
        except WalkError as error:
            print(f"✗ {error}", file=sys.stderr)
            return 1
    print("\nEvery command of the README works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
