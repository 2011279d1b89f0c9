"""What the apps share: start and end, health, the limit on bodies, answers in JSON; knows no route of theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import setup as observability

READY_CACHE_SECONDS = 2.0
READY_MISSES = 3
"""A part is unready after this many failed looks at the table in a row: a blip is for Stripe's retries."""

OWN_SPANS: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI's `telemetry`: every part makes its own server span, which would else be there twice."""


def json_response(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose body is JSON."""
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def create_app(
    store: PaymentStore, work: Callable[[], Coroutine[Any, Any, None]] | None = None, **options: Any
) -> FastAPI:
    """An app with the health routes and an orderly end; `work` goes on beside it, the options are FastAPI's."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store, _beside(work):
            yield
        await asyncio.to_thread(observability.stop)

    app = FastAPI(lifespan=lifespan, telemetry=OWN_SPANS, **options)
    readiness = Readiness(store.ping)
    app.add_api_route("/health", health, methods=["GET"], tags=["health"])
    app.add_api_route("/livez", health, methods=["GET"], tags=["health"])
    app.add_api_route("/readyz", readiness.answer, methods=["GET"], tags=["health"], response_model=None)
    return app


@asynccontextmanager
async def _beside(work: Callable[[], Coroutine[Any, Any, None]] | None) -> AsyncIterator[None]:
    if work is None:
        yield
        return
    task = asyncio.create_task(work())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def health() -> dict[str, str]:
    """Answers while the process does; asks nobody else."""
    return {"status": "ok"}


class Readiness:
    """Whether the table answers, asked every few seconds at most and slow to say no."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        self._ping = ping
        self._asked_at = float("-inf")
        self._misses = 0
        self._ever = False

    async def answer(self) -> Response:
        """200 when the part can do its work, 503 when the table has not answered for a while."""
        if time.monotonic() - self._asked_at >= READY_CACHE_SECONDS:
            self._asked_at = time.monotonic()
            await self._ask()
        if self._ever and self._misses < READY_MISSES:
            return json_response(200, {"status": "ready"})
        return json_response(503, {"status": "unready", "reason": "the table of payments does not answer"})

    async def _ask(self) -> None:
        try:
            await self._ping()
        except UnavailableError:
            self._misses += 1
        else:
            self._misses, self._ever = 0, True


def error_response(request: Request, error: Exception) -> Response:
    """FastAPI's own refusals (no such path, wrong method) in the body that all errors have."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    allowed = (error.headers or {}).get("allow", (error.headers or {}).get("Allow", ""))
    message = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not allowed here; use {allowed}.",
    }.get(error.status_code, str(error.detail))
    return json_response(error.status_code, {"error": {"code": code, "message": message}}, error.headers)
