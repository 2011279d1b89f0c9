"""Builds the app of an HTTP service: health routes, error answers, startup and shutdown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from lea_payments.serving.health import THE_TABLE, Readiness, health_routes
from lea_payments.serving.responses import error_response
from lea_payments.telemetry import setup as telemetry

Background = Callable[[], Coroutine[Any, Any, None]]
ErrorHandlers = Mapping[Any, Callable[..., Any]]

_NO_FASTAPI_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""Each service creates its own server span; FastAPI's would be a second one."""


def create_app(
    title: str,
    resources: AbstractAsyncContextManager[object],
    ping: Callable[[], Awaitable[None]],
    *,
    waits_for: str = THE_TABLE,
    background: Background | None = None,
    openapi: Mapping[str, Any] | None = None,
    error_handlers: ErrorHandlers | None = None,
) -> FastAPI:
    """The app of one service. It is ready while `ping` does what the next request needs, and closes its resources.

    `background` runs from startup to shutdown. With `openapi`, which is FastAPI's options for it, the app describes its
    API at /openapi.json. `/docs` is off because FastAPI's page loads its scripts from another host.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with resources, _running(background):
            yield
        await asyncio.to_thread(telemetry.stop)

    app = FastAPI(
        title=f"LEA Payments {title}",
        lifespan=lifespan,
        telemetry=_NO_FASTAPI_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        openapi_url=None if openapi is None else "/openapi.json",
        redirect_slashes=False,
        **(openapi or {}),
    )
    handlers: ErrorHandlers = {HTTPException: error_response, **(error_handlers or {})}
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)
    app.include_router(health_routes(Readiness(ping, waits_for=waits_for)))
    return app


@asynccontextmanager
async def _running(background: Background | None) -> AsyncIterator[None]:
    if background is None:
        yield
        return
    task = asyncio.create_task(background())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
