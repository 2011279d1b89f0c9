"""Reads the body of a request up to a limit."""

from starlette.types import Receive, Scope


class BodyTooLargeError(Exception):
    """Raised when the body is longer than the limit."""


class BodyIncompleteError(Exception):
    """Raised when the sender closed the connection before the end of the body."""


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of a request with this name, which is in lower case, or None."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The raw body, at most `limit` bytes. Raises BodyTooLargeError and BodyIncompleteError."""
    declared = header(scope, b"content-length") or ""
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
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
