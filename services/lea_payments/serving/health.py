"""Answers the probes of Kubernetes: whether the process is alive, and whether it can use the table."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from botocore.exceptions import ClientError
from starlette.requests import Request
from starlette.responses import Response

from lea_payments.serving.responses import json_response
from lea_payments.store.errors import UnavailableError
from lea_payments.telemetry import store_calls

READY_CACHE_SECONDS = 2.0
READY_FAILURES = 3
"""A service is not ready after this many failed pings in a row: deliveries are repeated during a short outage."""


THE_TABLE = "the table of payments"


class NotReadyError(Exception):
    """Raised by the ping of something other than the table, which has recorded why."""


async def health(_: Request) -> Response:
    """Answers 200 while the process is alive. It never depends on the table."""
    return json_response(200, {"status": "ok"})


READINESS_PATH = "/readyz"


class Readiness:
    """Whether a service is ready: pings the table at most every 2 s, and is unready after three failures in a row.

    The ping takes the way of the next request, so a service that is ready has a connection and the permission for it.
    `waits_for` names what the ping reaches if it is not the table.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        waits_for: str = THE_TABLE,
    ) -> None:
        self._ping = ping
        self._waits_for = waits_for
        self._clock = clock
        self._checked_at = float("-inf")
        self._failures = 0
        self._has_succeeded = False

    async def check(self, _: Request) -> Response:
        """Answers 200 if the table responds, 503 if it has not responded for a while."""
        if self._clock() - self._checked_at >= READY_CACHE_SECONDS:
            self._checked_at = self._clock()
            await self._ping_table()
        if self._has_succeeded and self._failures < READY_FAILURES:
            return json_response(200, {"status": "ready"})
        return json_response(503, {"status": "unready", "reason": f"{self._waits_for} does not respond"})

    async def _ping_table(self) -> None:
        try:
            await self._ping()
        except NotReadyError:
            self._failures += 1
        except (UnavailableError, ClientError) as error:
            self._failures += 1
            store_calls.ping_failed(str(error))
        else:
            self._failures, self._has_succeeded = 0, True


class Probe(NamedTuple):
    """One route for probes. Its path and its operation's name are public, its answers are `status` and `reason`."""

    path: str
    operation_id: str
    summary: str
    statuses: Mapping[int, str]

    @property
    def is_readiness(self) -> bool:
        """Whether it depends on the table."""
        return 503 in self.statuses


_ALIVE = {200: "ok"}
PROBES: Sequence[Probe] = (
    Probe("/health", "get_health", "Whether the process is alive", _ALIVE),
    Probe("/livez", "get_liveness", "Whether the process is alive", _ALIVE),
    Probe(READINESS_PATH, "get_readiness", "Whether the service can use the table", {200: "ready", 503: "unready"}),
)
