"""Runs the tools, over standard input and output or over HTTP."""

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lea_payments.settings import SettingsError, read

if TYPE_CHECKING:
    from lea_payments.mcp.settings import McpSettings

WITHOUT_SDK = (
    "the official MCP SDK is not installed: install the packages in requirements/mcp.txt, or `pip install "
    "'lea-payments[mcp]'`, or use the image that the target `mcp` of the Dockerfile builds"
)


def run(*, http: bool) -> None:
    """Runs the tools until the input ends, or serves them over HTTP. Raises SettingsError without the official SDK."""
    if find_spec("mcp") is None:
        raise SettingsError(WITHOUT_SDK)
    from lea_payments.mcp.settings import McpServiceSettings, McpSettings

    if not http:
        _serve_stdio(read(McpSettings))
        return
    from lea_payments.mcp.app import create_app
    from lea_payments.serving.server import serve

    settings = read(McpServiceSettings)
    serve(create_app(settings), settings, settings.port, "mcp")


def _serve_stdio(settings: "McpSettings") -> None:
    """Serves until the input ends. The log goes to standard error, because the output belongs to the protocol."""
    from lea_payments.telemetry import setup as telemetry

    telemetry.start_without_metrics(settings, "mcp")
    try:
        asyncio.run(_serve_streams(settings))
    finally:
        telemetry.stop()


async def _serve_streams(settings: "McpSettings") -> None:
    from mcp.server.stdio import stdio_server

    from lea_payments.mcp.caps import Caps
    from lea_payments.mcp.checkout import CheckoutApi
    from lea_payments.mcp.protocol import create_server
    from lea_payments.mcp.tools import Tools

    async with CheckoutApi(settings.checkout_url, settings.api_tokens[0]) as checkout:
        server = create_server(Tools(checkout, Caps(settings.limits())), ())
        async with stdio_server() as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options())
