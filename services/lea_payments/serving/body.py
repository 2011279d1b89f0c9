"""Reads the body of a request up to a limit."""

from starlette.requests import Request


class TooLarge(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when a body is longer than the limit."""


class BrokenOff(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when the sender went away in the middle of its body."""


async def body_of(request: Request, limit: int) -> bytes:
    """The raw body; raises TooLarge over `limit` bytes, as soon as that is known, or BrokenOff."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BrokenOff
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLarge
        more = message.get("more_body", False)
    return b"".join(chunks)
