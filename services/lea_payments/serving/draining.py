"""Drains a service before it stops: it still answers, but is unready, and every answer closes its connection."""

import signal
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from lea_payments.serving.health import READINESS_PATH
from lea_payments.serving.http.connections import Connections
from lea_payments.serving.responses import json_response
from lea_payments.telemetry import events


class DrainingServer(uvicorn.Server):
    """uvicorn's server. SIGTERM starts the drain, which takes some seconds; a second signal or Ctrl-C ends it.

    A proxy keeps connections and does not send a POST again when one closes under it. So the service says on its last
    answers that it closes them, and goes on for long enough that each proxy has had such an answer or knows that the
    service is unready.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(config)
        self._connections = connections
        self._seconds = seconds
        self._clock = clock
        self._ends_at: float | None = None
        self._is_recorded = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Starts the drain, or ends it if it has started. Runs between two steps of the event loop."""
        is_first = self._ends_at is None
        if is_first:
            self._ends_at = self._clock() + self._seconds
            self._connections.drain()
        if is_first and sig == signal.SIGTERM and self.started and self._seconds:
            self._captured_signals.append(sig)
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Ends the drain when its time is over."""
        if self._ends_at is not None and not self._is_recorded:
            self._is_recorded = True
            events.drain_started(self._seconds)
        if self._ends_at is not None and not self.should_exit:
            self.should_exit = self._clock() >= self._ends_at
        return await super().on_tick(counter)


_CONNECTIONS = "lea_payments.connections"


def connections_of(scope: Scope) -> Connections | None:
    """The connections of the service that handles this request, which know when it drains; None without a server."""
    connections: Connections | None = scope.get(_CONNECTIONS)
    return connections


class UnreadyInDrain:
    """Wraps an app: it is unready as soon as the drain starts, so that no more requests are sent to it."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the readiness probe during the drain."""
        scope[_CONNECTIONS] = self._connections
        if self._connections.is_draining and scope.get("path") == READINESS_PATH:
            response = json_response(503, {"status": "unready", "reason": "the service is stopping"})
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
