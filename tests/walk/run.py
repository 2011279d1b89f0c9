"""Follows the README as a newcomer does: clones the project and pastes its commands, from the top to the bottom."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.documents import ROOT, blocks, logical_lines
from tests.support.terminal import Terminal

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
                demo = Terminal(["bash", "-c", command], folder, env, echo=True)
                demo.wait_for(r"\nPay  http\S+\n", START_SECONDS)
            else:
                run(command, folder, env, variables)
    finally:
        if demo:
            demo.interrupt()
        status = demo.finish() if demo else None
    # GNU make exits with SIGINT, or with 0 if it was started with SIGINT ignored, as in the background of a shell.
    if demo is None or status not in (0, -signal.SIGINT) or "Everything has stopped." not in demo.printed:
        raise WalkError(f"Ctrl-C ended make demo with the exit status {status}")


def main() -> int:
    """Returns the exit status."""
    with TemporaryDirectory(prefix="a newcomer's ", ignore_cleanup_errors=True) as folder:
        try:
            walk(Path(folder) / "lea payments")
        except (AssertionError, WalkError) as error:
            print(f"✗ {error}", file=sys.stderr)
            return 1
    print("\nEvery command of the README works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
