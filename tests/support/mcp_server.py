"""Starts the MCP server and connects the official SDK's client to it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from mcp import Client, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.support.checkout_api import TOKEN

AGENT_TOKEN, NEXT_AGENT_TOKEN = "token-of-the-first-agent", "token-of-the-next-agent"
STATE_SECRET = "a-state-secret-of-more-than-32-characters"
NEWEST, LEGACY = "2026-07-28", "legacy"
CAPS = {
    "MCP_MAX_AMOUNT": "SGD=500000,JPY=90000",
    "MCP_HOURLY_AMOUNT": "SGD=100000000,JPY=100000000",
    "MCP_HOURLY_LINKS": "10000",
}
OF_AGENTS = {"MCP_TOKEN": AGENT_TOKEN, "MCP_STATE_SECRET": STATE_SECRET}

Pay = Callable[[str], Awaitable[None]]


def settings(checkout: str, **changes: str) -> dict[str, str]:
    """The variables of an MCP server for this checkout API."""
    return {"MCP_CHECKOUT_URL": checkout, "PAYMENTS_API_TOKEN": TOKEN, **CAPS, **changes}


def link_arguments(**changes: Any) -> dict[str, Any]:
    """The arguments of a new link; None removes one."""
    arguments = {
        "user_id": f"user_{uuid4().hex}",
        "quote_id": f"quote_{uuid4().hex}",
        "amount": 12000,
        "currency": "SGD",
        "product_name": "Travel insurance, Japan, 10 days",
    }
    return {name: value for name, value in (arguments | changes).items() if value is not None}


@asynccontextmanager
async def http_client(
    url: str, mode: str = NEWEST, *, token: str = AGENT_TOKEN, **options: Any
) -> AsyncIterator[Client]:
    """A client over HTTP that speaks the newest protocol, or the one before it if `mode` is LEGACY."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        create_mcp_http_client(headers) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, **options) as client,
    ):
        yield client


def stdio_client(variables: Mapping[str, str], mode: str = NEWEST, **options: Any) -> Client:
    """A client that starts the server as a desktop program does."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "lea_payments", "mcp"],
        env={"HOST": "127.0.0.1", "PYTHONWARNINGS": "ignore", **variables},
    )
    return Client(command, mode=mode, **options)


def pays_with(pay: Callable[[str], object]) -> Any:
    """The answer of a client that shows the link to its customer, who pays in a thread of its own."""

    async def show_link(
        context: Any,  # noqa: ARG001 - the SDK passes it by name
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams)
        await asyncio.to_thread(pay, params.url)
        return types.ElicitResult(action="accept")

    return show_link


def payment_in(result: types.CallToolResult) -> dict[str, Any]:
    """The payment in a result that is not an error."""
    assert not result.is_error, result
    payment: dict[str, Any] = result.structured_content["payment"]
    return payment


def error_in(result: types.CallToolResult) -> dict[str, Any]:
    """The error in a result."""
    assert result.is_error, result
    error: dict[str, Any] = result.structured_content["error"]
    return error


HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": NEWEST,
    "Mcp-Method": "tools/call",
}
"""The headers of a call by the newest protocol; `Mcp-Name` is the tool's name."""


def tool_request(name: Any, arguments: Any, **params: Any) -> dict[str, Any]:
    """The body of a tool call by the newest protocol, as a client without the SDK sends it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
    }
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments, "_meta": meta, **params},
    }
