"""The emulator as one web application: its parts, its background work, its health; no rule of Stripe's in it."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from stripe_emulator import controls, emulator
from stripe_emulator.api import handler
from stripe_emulator.pay_page import page
from stripe_emulator.payments import checkout
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.settings import Settings
from stripe_emulator.webhooks.deliverer import UnreachableError

TICK_SECONDS = 0.2
MAX_CONNECTIONS = 50
CLIENTS = 10
log = logging.getLogger("stripe_emulator")


def create_app(settings: Settings) -> FastAPI:
    """The application; one memory for each."""
    timeout = settings.delivery_timeout_seconds
    # A client of httpx looks through all its connections, and all that wait for one, at each request; so there are
    # several, and nothing waits in them.
    clients = [httpx.AsyncClient(follow_redirects=False, timeout=timeout, trust_env=False) for _ in range(CLIENTS)]
    in_turn = itertools.cycle(clients)
    connections = asyncio.Semaphore(MAX_CONNECTIONS)

    async def send(url: str, headers: dict[str, str], body: bytes) -> int:
        try:
            async with connections:
                return (await next(in_turn).post(url, headers=headers, content=body)).status_code
        # A receiver that is killed while it is connected to makes the client stumble over a socket that is no more.
        except (httpx.HTTPError, AttributeError) as broken:
            raise UnreachableError(str(broken) or type(broken).__name__) from broken

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        clockwork = asyncio.create_task(_tick(app))
        yield
        clockwork.cancel()
        await app.state.emulator.deliverer.close()
        for client in clients:
            await client.aclose()

    app = FastAPI(title="Stripe emulator", openapi_url=None, lifespan=lifespan)
    app.state.emulator = emulator.build(settings, send)
    app.add_exception_handler(ApiError, _refusal)
    app.add_exception_handler(Exception, _own_bug)
    app.add_api_route("/health", health, methods=["GET"])
    handler.add_routes(app)
    page.add_routes(app)
    controls.add_routes(app)
    return app


async def health() -> dict[str, str]:
    """Whether it serves at all."""
    return {"status": "ok"}


async def _tick(app: FastAPI) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            checkout.run_due(app.state.emulator.account)
        except Exception:
            log.exception("what was due could not be done")


async def _own_bug(_request: Request, _bug: Exception) -> Response:
    """Answer as Stripe would; the server logs the traceback."""
    return JSONResponse(ApiError("The emulator has a bug; see its log.", status=500, kind="api_error").body(), 500)


async def _refusal(_request: Request, refused: Exception) -> Response:
    if not isinstance(refused, ApiError):
        raise refused
    return JSONResponse(refused.body(), refused.status)
