"""Reads the body of a request up to a limit."""

from collections.abc import Iterable

from starlette.types import Receive, Scope


class BodyTooLargeError(Exception):
    """Raised when the body is longer than the limit."""


class BodyIncompleteError(Exception):
    """Raised when the sender closed the connection before the end of the body."""


def first_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first of these headers with this name, which is in lower case, or None."""
    for key, value in headers:
        if key == name:
            return str(value, "latin-1")
    return None


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of a request with this name, which is in lower case, or None."""
    return first_header(scope["headers"], name)


def is_declared_too_large(headers: Iterable[tuple[bytes, bytes]], limit: int) -> bool:
    """Whether the Content-Length of a request is over the limit."""
    declared = first_header(headers, b"content-length") or ""
    return declared.isascii() and declared.isdigit() and int(declared[:20]) > limit


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The raw body, at most `limit` bytes. Raises BodyTooLargeError and BodyIncompleteError."""
    if is_declared_too_large(scope["headers"], limit):
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyIncompleteError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLargeError
        more = message.get("more_body", False)
    return b"".join(chunks)
