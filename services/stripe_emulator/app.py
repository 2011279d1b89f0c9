"""Builds the emulator's app: Stripe's API, the pay page and the controls."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from stripe_emulator import emulator
from stripe_emulator.api import routes as api
from stripe_emulator.controls import routes as controls
from stripe_emulator.emulator import EmulatorApp
from stripe_emulator.overview import page as overview
from stripe_emulator.pay_page import authentication, page
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.settings import Settings
from stripe_emulator.webhooks.sender import Sender

TICK_SECONDS = 0.2
log = logging.getLogger("stripe_emulator")


def create_app(settings: Settings) -> FastAPI:
    """Build an app with an emulator of its own."""
    sender = Sender(settings.delivery_timeout_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick(app))
        yield
        ticking.cancel()
        await app.emulator.deliverer.close()
        await sender.close()

    app = EmulatorApp(
        emulator.build(settings, sender.send),
        title="Stripe emulator: controls",
        description="The controls that Stripe does not have. Stripe describes what is under `/v1`.",
        docs_url=None,  # its page loads JavaScript from another host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.add_exception_handler(StripeApiError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_unknown_route)
    app.add_exception_handler(Exception, _answer_bug)
    app.add_api_route("/health", health, methods=["GET"], operation_id="health")
    api.add_routes(app)
    page.add_routes(app)
    authentication.add_routes(app)
    controls.add_routes(app)
    overview.add_routes(app)
    return app


async def health() -> dict[str, str]:
    """Answer 200 while the emulator is running."""
    return {"status": "ok"}


async def _tick(app: EmulatorApp) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            app.emulator.run_due()
        except Exception:
            log.exception("due_payments_failed")


async def _answer_bug(_request: Request, _bug: Exception) -> Response:
    """Answer in Stripe's format. The server logs the traceback, and closes the connection."""
    error = StripeApiError("The emulator has a bug; its log has the traceback.", status=500, kind="api_error")
    return JSONResponse(error.body(), 500, {"Connection": "close"})


async def _answer_unknown_route(request: Request, error: Exception) -> Response:
    """Answer 404 and 405 in Stripe's format, with what the caller can use instead."""
    if not isinstance(error, HTTPException):
        raise error
    path, methods = request.url.path, _methods(request)
    hint = "GET /openapi.json describes the controls; Stripe's API is under /v1."
    if error.status_code == 405:
        message = f"{request.method} is not allowed for {path}. Use {' or '.join(methods)}. {hint}"
        return JSONResponse(StripeApiError(message).body(), 405, {"Allow": ", ".join(methods)})
    message = f"There is nothing at {path}. {hint}" if error.status_code == 404 else error.detail
    return JSONResponse(StripeApiError(message).body(), error.status_code, error.headers)


def _methods(request: Request) -> list[str]:
    """Return all methods of this path. Starlette names only those of the first route."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matches = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matches for method in route.methods or ()})


async def _answer_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, StripeApiError):
        raise error
    return JSONResponse(error.body(), error.status)
