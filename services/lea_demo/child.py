"""A process of ours that never outlives us, however we end; knows nothing of what it runs."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_SECONDS = 5.0


class Child:
    """One process in a session of its own: Ctrl-C reaches us alone, so that we stop it when its turn comes."""

    def __init__(
        self,
        command: Sequence[str],
        output: int | IO[bytes],
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            start_new_session=True,
        )
        self._guard = _end_with_us(self.process.pid)

    def stop(self) -> None:
        """Stop it and wait until it is gone, at most 5 s and then by force; harmless when it has ended."""
        for process in (self.process, self._guard):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._guard.stdin:
            self._guard.stdin.close()


def _end_with_us(pid: int) -> subprocess.Popen[bytes]:
    """Start a guard that ends process `pid` when we die, even by SIGKILL: its standard input then closes."""
    return subprocess.Popen(  # noqa: S603 - our own arguments
        ["/bin/sh", "-c", 'read -r _; kill "$0"', str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
