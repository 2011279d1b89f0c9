"""Measures each call of the checkout API: its route, its error code and its duration."""

import time
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lea_payments.checkout.errors import CANCEL, CREATE, ERRORS, GET, LIST
from lea_payments.serving.request_span import UNTRACED
from lea_payments.telemetry.metrics import OK, OTHER
from lea_payments.telemetry.services import checkout as telemetry

ROUTES: Mapping[tuple[str, str], str] = {
    ("POST", "/payments"): CREATE,
    ("GET", "/payments/{payment_intent_id}"): GET,
    ("GET", "/payments"): LIST,
    ("POST", "/payments/{payment_intent_id}/cancel"): CANCEL,
}
"""The label of each route; everything else is `other`."""

INTERNAL_ERROR = "internal_error"
_OF_NO_ROUTE = ("not_found", "method_not_allowed", INTERNAL_ERROR)
CODES: Mapping[str, Sequence[str]] = {
    **{route: [code for code, error in ERRORS.items() if route in error.calls] for route in ROUTES.values()},
    telemetry.WAIT: [*(code for code, error in ERRORS.items() if GET in error.calls), telemetry.CALLER_LEFT],
    OTHER: _OF_NO_ROUTE,
}
"""The error codes that each route can answer with."""

_CODE, _WAITS = "lea_payments.error_code", "lea_payments.waits"


def note_code(request: Request, code: str) -> None:
    """Notes the error code of a call's answer."""
    request.scope[_CODE] = code


def note_wait(request: Request, seconds: int) -> None:
    """Notes that a call can wait: it is counted apart, because its duration says nothing about the service."""
    request.scope[_WAITS] = True
    telemetry.call_can_wait(seconds)


class MeasuredCalls:
    """Wraps the app and records each call, except those of probes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        telemetry.expose(CODES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        except Exception:
            _record(scope, INTERNAL_ERROR, 500, started)
            raise
        _record(scope, scope.get(_CODE, OK), status, started)


def _record(scope: Scope, code: str, status: int, started: float) -> None:
    path = getattr(scope.get("route"), "path", "")
    route = telemetry.WAIT if _WAITS in scope else ROUTES.get((scope["method"], path), OTHER)
    telemetry.call_answered(route, code, status, time.perf_counter() - started)
