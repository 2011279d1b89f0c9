"""Builds JSON answers and the error body that all services share."""

from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


def json_response(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose body is JSON."""
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def error_response(request: Request, error: HTTPException) -> Response:
    """The answer to a path or method that does not exist."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    allowed = (error.headers or {}).get("allow", (error.headers or {}).get("Allow", ""))
    message = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not allowed here; use {allowed}.",
    }.get(error.status_code, str(error.detail))
    return json_response(error.status_code, {"error": {"code": code, "message": message}}, error.headers)


def bug_response(_request: Request, _bug: Exception) -> Response:
    """The answer to a request that met a bug. The server logs the traceback."""
    error = {"code": "internal_error", "message": "An internal error, which has been logged; report it if it persists."}
    return before_close(json_response(500, {"error": error}))


def before_close(response: Response) -> Response:
    """The answer to a request that met a bug: it says that the connection ends, because uvicorn closes it then.

    Otherwise the client's next request on this connection could get no answer.
    """
    response.headers["Connection"] = "close"
    return response
