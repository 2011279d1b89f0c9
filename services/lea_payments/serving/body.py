"""Reads the body of a request up to a limit."""

from starlette.requests import Request


class BodyTooLargeError(Exception):
    """Raised when the body is longer than the limit."""


class BodyIncompleteError(Exception):
    """Raised when the sender closed the connection before the end of the body."""


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body, at most `limit` bytes. Raises BodyTooLargeError and BodyIncompleteError."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BodyIncompleteError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLargeError
        more = message.get("more_body", False)
    return b"".join(chunks)
