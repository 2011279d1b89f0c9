"""Runs the emulator until it is told to stop, and then lets every answer close its connection."""

import signal
import time
from types import FrameType

import uvicorn

CLOSE = (b"connection", b"close")
IDLE_SECONDS = 75
"""How long an idle connection stays open: longer than in clients, which otherwise send requests on one that just ended.
httpx, and uvicorn without this setting, close theirs after 5 s."""


class DrainingServer(uvicorn.Server):
    """uvicorn's server. SIGTERM starts the drain, which takes some seconds; a second signal or Ctrl-C ends it."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start the drain, or end it if it has started."""
        is_first = self._ends_at is None
        if is_first:
            self._ends_at = time.monotonic() + self._seconds
            self._announce()
        if is_first and sig == signal.SIGTERM and self.started and self._seconds:
            self._captured_signals.append(sig)
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """End the drain when its time is over."""
        if self._ends_at is not None and not self.should_exit:
            self.should_exit = time.monotonic() >= self._ends_at
        return await super().on_tick(counter)

    def _announce(self) -> None:
        if self.config.loaded:
            self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
