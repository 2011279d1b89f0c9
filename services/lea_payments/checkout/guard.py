"""Authenticates a caller before anything is read, and reads no more than a small JSON body."""

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.types import Message

from lea_payments.checkout.error_bodies import printable_name
from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.input import strict_json
from lea_payments.checkout.input.strict_json import NotStrictJsonError
from lea_payments.serving.bearer import index_of_token
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, read_body

BODY_LIMIT = 16 * 1024
"""In bytes. A valid body in UTF-8 is under 8 KiB."""

BEARER = HTTPBearer(auto_error=False, description="One of the tokens in PAYMENTS_API_TOKEN.")
"""Documents the authentication in OpenAPI; the route class below enforces it."""


_SCOPES = "lea_payments.key_scopes"
_SCOPE_ROUNDS = 50_000
"""A payment's id is public and follows from the scope, so each guess of a token should cost something."""


def key_scopes(request: Request) -> Sequence[bytes]:
    """The scopes of idempotency keys: first that of the caller's token, then those of the other tokens."""
    scopes: Sequence[bytes] = request.scope[_SCOPES]
    return scopes


def scope_of(token: str) -> bytes:
    """The scope of the idempotency keys that are sent with this token. It does not reveal the token."""
    return hashlib.pbkdf2_hmac("sha256", token.encode(), b"lea-payments idempotency keys", _SCOPE_ROUNDS)


class Callers:
    """The bearer tokens of the API's callers. They can change while calls are answered."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens: Sequence[str] = ()
        self._scopes: Sequence[bytes] = ()
        self.use(tokens)

    def use(self, tokens: Sequence[str]) -> None:
        """Accepts these tokens from now on, and no others."""
        known = dict(zip(self._tokens, self._scopes, strict=True))
        self._tokens, self._scopes = (
            tokens,
            [known[token] if token in known else scope_of(token) for token in tokens],
        )

    def scopes(self, request: Request) -> Sequence[bytes]:
        """The scopes of the keys, that of the caller first. Raises RefusalError if the caller has no valid token."""
        tokens, scopes = self._tokens, self._scopes
        caller = _authenticate(request, tokens)
        return (scopes[caller], *scopes[:caller], *scopes[caller + 1 :])


def guarded_route(callers: Callers) -> type[APIRoute]:
    """A route class that accepts these callers. It runs before FastAPI reads the body."""

    class GuardedRoute(APIRoute):
        """A route that authenticates its caller and limits the body."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()
            has_body = self.body_field is not None

            async def guarded(request: Request) -> Response:
                request.scope[_SCOPES] = callers.scopes(request)
                return await handle(await _with_small_json(request) if has_body else request)

            return guarded

    return GuardedRoute


def _authenticate(request: Request, tokens: Sequence[str]) -> int:
    """The index of the caller's token."""
    index = index_of_token(request.headers.get("authorization", ""), tokens)
    if index is None:
        raise RefusalError(
            "unauthorized",
            "Send the header Authorization: Bearer with one of the tokens in this service's PAYMENTS_API_TOKEN.",
            param="Authorization",
        )
    return index


async def _with_small_json(request: Request) -> Request:
    """The request with its body already read."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise RefusalError("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
    try:
        body = await read_body(request.scope, request.receive, BODY_LIMIT)
    except BodyTooLargeError:
        raise RefusalError("too_large", f"Send a body of at most {BODY_LIMIT} bytes.") from None
    except BodyIncompleteError:
        raise RefusalError("invalid_json", "The connection closed before the end of the body; send it again.") from None
    json_body = _strict_json(body)

    async def receive() -> Message:
        return {"type": "http.request", "body": json_body}

    return Request(request.scope, receive)


def _strict_json(body: bytes) -> bytes:
    """The body in UTF-8. An empty one lacks its fields, which FastAPI reports."""
    try:
        return strict_json.check(body) if body else body
    except NotStrictJsonError as error:
        field = None if error.field is None else printable_name(error.field)
        raise RefusalError("invalid_json", str(error), param=field) from None
