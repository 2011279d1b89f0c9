"""Closes a client's connection without an answer."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "stripe_emulator.hang_up"


class HangUpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a function for the app that closes the connection."""

    def on_message_begin(self) -> None:
        """Begin a request and add the function that closes its connection to the scope."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}


class NoResponse(Response):
    """A response that closes the connection before a byte is sent."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Close the connection and wait until the server has noticed."""
        scope["extensions"][EXTENSION]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass
