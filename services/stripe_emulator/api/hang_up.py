"""Hanging up on a client without a word, which no web framework offers; never decides when."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "stripe_emulator.hang_up"


class HangUpProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, with a way for the application to break the connection."""

    def on_message_begin(self) -> None:
        """Begin a request; its scope says how to hang up."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}


class NoResponse(Response):
    """The answer that never comes: the connection ends before a byte is sent."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Hang up, and wait until the server has noticed."""
        scope["extensions"][EXTENSION]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass
