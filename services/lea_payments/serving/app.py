"""Builds the app of an HTTP service: health routes, error answers, startup and shutdown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from lea_payments.serving.health import PROBES, THE_TABLE, Readiness, health
from lea_payments.serving.responses import bug_response, error_response
from lea_payments.telemetry import setup as telemetry

Background = Callable[[], Coroutine[Any, Any, None]]
ErrorHandlers = Mapping[Any, Callable[..., Any]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

HTTP_ERRORS: ErrorHandlers = {HTTPException: error_response, Exception: bug_response}


def create_app(
    resources: AbstractAsyncContextManager[object],
    ping: Callable[[], Awaitable[None]],
    *,
    waits_for: str = THE_TABLE,
    background: Background | None = None,
    error_handlers: ErrorHandlers | None = None,
) -> Starlette:
    """The app of one service. It is ready while `ping` does what the next request needs, and closes its resources.

    `background` runs from startup to shutdown.
    """
    readiness = Readiness(ping, waits_for=waits_for)
    app = Starlette(
        routes=[
            Route(probe.path, readiness.check if probe.is_readiness else health, methods=["GET"]) for probe in PROBES
        ],
        exception_handlers={**HTTP_ERRORS, **(error_handlers or {})},
        lifespan=lifespan_of(resources, background),
    )
    app.router.redirect_slashes = False
    return app


def lifespan_of(resources: AbstractAsyncContextManager[object], background: Background | None) -> Lifespan:
    """The startup and the shutdown of an app."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with resources, _running(background):
            yield
        await asyncio.to_thread(telemetry.stop)

    return lifespan


@asynccontextmanager
async def _running(background: Background | None) -> AsyncIterator[None]:
    if background is None:
        yield
        return
    task = asyncio.create_task(background())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
