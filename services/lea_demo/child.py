"""Starts a child process that exits with its parent, even if the parent is killed."""

import subprocess
from collections.abc import Sequence
from typing import IO, Any

STOP_SECONDS = 5.0
GUARD = ("/bin/sh", "-c", 'read -r _; kill "$0"')
"""Kills the process of its argument when its standard input closes, which also happens if the parent is killed."""


class ChildProcess:
    """A child in a session of its own: Ctrl-C reaches only the parent, which then stops the child."""

    def __init__(self, command: Sequence[str], output: int | IO[bytes], **options: Any) -> None:
        self.process = _start(command, subprocess.DEVNULL, output, **options)
        self._guard = _start([*GUARD, str(self.process.pid)], subprocess.PIPE, subprocess.DEVNULL)

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


def _start(command: Sequence[str], stdin: int, stdout: int | IO[bytes], **options: Any) -> subprocess.Popen[bytes]:
    stderr = subprocess.STDOUT
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True, **options)
