"""Builds the app of a service that describes its API by OpenAPI. The other services need no FastAPI."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig

from lea_payments.serving.app import HTTP_ERRORS, Background, ErrorHandlers, lifespan_of
from lea_payments.serving.health import PROBES, Readiness, health

_NO_FASTAPI_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""Each service creates its own server span; FastAPI's would be a second one."""

_NOT_HTTP: Mapping[int | str, dict[str, Any]] = {
    400: {"description": "The request is not valid HTTP.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


def create_app(
    title: str,
    resources: AbstractAsyncContextManager[object],
    ping: Callable[[], Awaitable[None]],
    *,
    openapi: Mapping[str, Any],
    background: Background | None = None,
    error_handlers: ErrorHandlers | None = None,
) -> FastAPI:
    """The same as `serving.app` builds, with its API at /openapi.json; `openapi` is FastAPI's options for it.

    `/docs` is off because FastAPI's page loads its scripts from another host.
    """
    app = FastAPI(
        title=f"LEA Payments {title}",
        lifespan=lifespan_of(resources, background),
        telemetry=_NO_FASTAPI_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        **openapi,
    )
    for error, handler in {**HTTP_ERRORS, **(error_handlers or {})}.items():
        app.add_exception_handler(error, handler)
    app.include_router(_health_routes(Readiness(ping)))
    return app


def _health_routes(readiness: Readiness) -> APIRouter:
    """The routes for probes. They need no token."""
    router = APIRouter(tags=["health"])
    for probe in PROBES:
        router.add_api_route(
            probe.path,
            readiness.check if probe.is_readiness else health,
            methods=["GET"],
            operation_id=probe.operation_id,
            summary=probe.summary,
            response_model=None,
            responses={**{status: _answer(word) for status, word in probe.statuses.items()}, **_NOT_HTTP},
            openapi_extra={"security": []},
        )
    return router


def _answer(status: str) -> dict[str, Any]:
    """An answer in the form of OpenAPI."""
    properties: dict[str, Any] = {"status": {"type": "string", "const": status}}
    if status == "unready":
        properties["reason"] = {"type": "string"}
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    return {"description": f"The status is {status}.", "content": {"application/json": {"schema": schema}}}
