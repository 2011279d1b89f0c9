"""The server span of each request, as an ASGI layer.

A span names the route, never the path or the query: those can contain a user's id, or anything else.
"""

import time

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lea_payments.telemetry import spans

UNTRACED = ("/health", "/livez", "/readyz")
SERVER_ERROR = 500
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class RequestSpan:
    """Wraps an app. The span joins the caller's trace if `trusts_caller`, otherwise it starts a trace of its own."""

    def __init__(self, app: ASGIApp, *, trusts_caller: bool) -> None:
        self._app = app
        self._trusts_caller = trusts_caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Spans one request from its first byte to its answer. An answer of 500 or more is always sampled."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        started_ns = time.time_ns()
        status = SERVER_ERROR

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        caller = spans.remote(Headers(scope=scope).get("traceparent")) if self._trusts_caller else None
        parent = trace.set_span_in_context(caller) if caller else spans.NEW_TRACE
        span = spans.tracer.start_span(_method(scope), parent, SpanKind.SERVER, start_time=started_ns)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, send_and_note_status)
            finally:
                _end(span, scope, status, started_ns)


def _method(scope: Scope) -> str:
    """The HTTP method, if it is a known one: a caller can send any word."""
    return scope["method"] if scope["method"] in METHODS else "HTTP"


def _end(span: Span, scope: Scope, status: int, started_ns: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    name = f"{_method(scope)} {route}" if route else _method(scope)
    attributes: dict[str, str] = {"http.request.method": _method(scope)} | ({"http.route": route} if route else {})
    final = span
    if status >= SERVER_ERROR:
        final = spans.kept(span, name, attributes | {"error.type": str(status)}, started_ns)
    if final.is_recording():
        final.update_name(name)
        final.set_attributes(attributes)
        final.set_attribute("http.response.status_code", status)
        if status >= SERVER_ERROR:
            spans.fail(final, str(status))
    final.end()
    if final is not span:
        span.end()
