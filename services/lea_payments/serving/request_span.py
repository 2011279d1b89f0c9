"""The server span of each call of the checkout API, as an ASGI layer; paths and queries stay out of it.

A span says which route was called, never the path itself: a query of ours names a user, an odd path may hold anything.
"""

import time

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lea_payments.telemetry import spans

UNTRACED = ("/health", "/livez", "/readyz")
SERVER_ERROR = 500
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class RequestSpan:
    """Around the app; the span joins the trace of a caller who has one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request from its first byte to its answer; an answer of 500 or more is kept whatever the sampling."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        started_ns = time.time_ns()
        status = SERVER_ERROR

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        caller = spans.remote(Headers(scope=scope).get("traceparent"))
        around = trace.set_span_in_context(caller) if caller else None
        span = spans.tracer.start_span(_method(scope), around, SpanKind.SERVER, start_time=started_ns)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, watched)
            finally:
                _end(span, scope, status, started_ns)


def _method(scope: Scope) -> str:
    """The method, if it is one: a caller may send any word."""
    return scope["method"] if scope["method"] in METHODS else "HTTP"


def _end(span: Span, scope: Scope, status: int, started_ns: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    name = f"{_method(scope)} {route}" if route else _method(scope)
    attributes: dict[str, str] = {"http.request.method": _method(scope)} | ({"http.route": route} if route else {})
    if status >= SERVER_ERROR:
        attributes["error.type"] = str(status)
        last = spans.kept(span, name, attributes, started_ns)
    else:
        last = span
    if last.is_recording():
        last.update_name(name)
        last.set_attributes(attributes)
        last.set_attribute("http.response.status_code", status)
        if status >= SERVER_ERROR:
            last.set_status(Status(StatusCode.ERROR))
    last.end()
    if last is not span:
        span.end()
