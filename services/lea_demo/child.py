"""A child process that exits with its parent, even if the parent is killed."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_SECONDS = 5.0
GUARD = ("/bin/sh", "-c", 'read -r _; kill "$0"')
"""Kills the process of its argument when its standard input closes, which also happens if the parent is killed."""


class ChildProcess:
    """A child in a session of its own: Ctrl-C reaches only the parent, which then stops the child."""

    def __init__(
        self,
        command: Sequence[str],
        output: int | IO[bytes],
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            start_new_session=True,
        )
        self._guard = subprocess.Popen(
            [*GUARD, str(self.process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Stops the child and waits for its exit. Kills it after 5 s. Does nothing if it has exited."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._guard.kill()
        self._guard.communicate()
