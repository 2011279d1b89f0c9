"""Creates the server span of each request, as ASGI middleware.

A span names the route, never the path or the query: those can contain personal data.
"""

import time

from opentelemetry import trace
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lea_payments.telemetry import spans
from lea_payments.telemetry.throttle import PerSecond

CLIENT_ERROR, SERVER_ERROR = 400, 500
UNTRACED = ("/health", "/livez", "/readyz")
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class RequestSpan:
    """Wraps an app. The span joins the caller's trace if `trusts_caller`, otherwise it starts a trace of its own."""

    def __init__(self, app: ASGIApp, *, trusts_caller: bool) -> None:
        self._app = app
        self._trusts_caller = trusts_caller
        self._client_errors = PerSecond(10)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Creates the span of one request, until its answer is sent. A failed one (500 or more) is always sampled."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        status = SERVER_ERROR

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        caller = spans.remote(Headers(scope=scope).get("traceparent")) if self._trusts_caller else None
        parent = trace.set_span_in_context(caller) if caller else spans.NEW_TRACE
        with spans.OperationSpan(_method(scope), parent=parent) as request:
            try:
                await self._app(scope, receive, send_and_note_status)
            finally:
                if self._is_within_limit(status):
                    _describe(request, scope, status)
                else:
                    request.discard()

    def _is_within_limit(self, status: int) -> bool:
        """Whether a request is traced: ten requests per status 4xx and second are, because strangers can send many."""
        is_client_error = CLIENT_ERROR <= status < SERVER_ERROR
        return not is_client_error or self._client_errors.allows(str(status), time.monotonic())


def _method(scope: Scope) -> str:
    """The HTTP method, or `HTTP` for an unknown one: a caller can send any word."""
    return scope["method"] if scope["method"] in METHODS else "HTTP"


def _describe(request: spans.OperationSpan, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    name = f"{_method(scope)} {route}" if route else _method(scope)
    attributes: dict[str, str] = {"http.request.method": _method(scope)} | ({"http.route": route} if route else {})
    failed = status >= SERVER_ERROR
    span = request.failed(str(status), name, attributes) if failed else request.span
    if span.is_recording():
        span.update_name(name)
        span.set_attributes(attributes)
        span.set_attribute("http.response.status_code", status)
        if failed:
            spans.fail(span, str(status))
