"""Builds the app of the MCP service: authenticates each request, and passes it to the official SDK."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lea_payments.mcp.caps import Caps
from lea_payments.mcp.checkout import CheckoutApi
from lea_payments.mcp.errors import ToolRefusalError
from lea_payments.mcp.protocol import CALLER, create_server
from lea_payments.mcp.settings import McpServiceSettings
from lea_payments.mcp.tools import Tools
from lea_payments.secrets.rules import is_loopback
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.background.secret_files import SecretFiles
from lea_payments.serving.bearer import index_of_token
from lea_payments.serving.body import header
from lea_payments.serving.draining import connections_of
from lea_payments.serving.health import NotReadyError
from lea_payments.serving.request_span import RequestSpan
from lea_payments.serving.responses import json_response
from lea_payments.settings import read
from lea_payments.telemetry.mcp import checkout_calls, tool_calls

PATH = "/mcp"
BODY_LIMIT = 64 * 1024
"""In bytes. A tool call has less than 10 KB; the client's own metadata comes in addition."""

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def create_app(settings: McpServiceSettings) -> Starlette:
    """The app of the MCP service. It is ready while the checkout API accepts its calls."""
    checkout = CheckoutApi(settings.checkout_url, settings.api_tokens[0])
    tools = Tools(checkout, Caps(settings.limits()))
    server = create_server(tools, settings.state_secrets)
    # Without sessions, so that each request can go to another replica; answers are JSON, which every proxy passes on.
    sessions = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=BODY_LIMIT
    )
    agents = Agents(settings.mcp_tokens)

    def use_secrets(changed: McpServiceSettings) -> None:
        checkout.use(changed.api_tokens[0])
        agents.use(changed.mcp_tokens)

    async def ping() -> None:
        try:
            await checkout.ping()
        except ToolRefusalError as refusal:
            checkout_calls.ping_failed(refusal.code)
            raise NotReadyError from None

    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        async with checkout, sessions.run():
            yield

    app = create_base_app(
        resources(),
        ping,
        waits_for="the checkout API",
        background=SecretFiles(settings, use_secrets, partial(read, McpServiceSettings)).watch,
    )
    app.add_middleware(RequestSpan, trusts_caller=True)

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        connections = connections_of(scope)
        if connections is not None:
            connections.when_draining(tools.stop)
        await sessions.handle_request(scope, receive, send)

    endpoint = GuardedEndpoint(handle, agents, _hosts(settings), settings.allowed_origins)
    app.router.routes.append(Route(PATH, endpoint=endpoint))
    return app


class Agents:
    """The bearer tokens of the agents. They can change while calls are answered."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens

    def use(self, tokens: Sequence[str]) -> None:
        """Accepts these tokens from now on, and no others."""
        self._tokens = tokens

    def caller(self, authorization: str) -> str | None:
        """A name for the token that does not reveal it; None without a valid one."""
        index = index_of_token(authorization, self._tokens)
        return None if index is None else hashlib.sha256(self._tokens[index].encode()).hexdigest()


class GuardedEndpoint:
    """Lets only agents with a token reach the endpoint.

    A web page could reach it by a name of its own that leads to this address (DNS rebinding): browsers send the page's
    origin, and the name as the host.
    """

    def __init__(self, endpoint: ASGIApp, agents: Agents, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._endpoint, self._agents, self._hosts, self._origins = endpoint, agents, hosts, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        caller = self._agents.caller(header(scope, b"authorization") or "")
        origin = header(scope, b"origin")
        if self._hosts and _host_name(header(scope, b"host")) not in self._hosts:
            refusal = _refusal(421, "host_not_allowed", "This host name is not in MCP_ALLOWED_HOSTS.")
        elif origin is not None and origin not in self._origins:
            refusal = _refusal(403, "origin_not_allowed", "This origin is not in MCP_ALLOWED_ORIGINS.")
        elif caller is None:
            refusal = _refusal(401, "unauthorized", "Send the header Authorization: Bearer with a token of MCP_TOKEN.")
        else:
            await self._endpoint({**scope, CALLER: caller}, receive, send)
            return
        await refusal(scope, receive, send)


def _refusal(status: int, code: str, message: str) -> Response:
    tool_calls.agent_rejected(code)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return json_response(status, {"error": {"code": code, "message": message}}, headers)


def _hosts(settings: McpServiceSettings) -> Sequence[str]:
    """The names in MCP_ALLOWED_HOSTS; a service that only this machine can reach has only its names."""
    return settings.allowed_hosts or (THIS_MACHINE if is_loopback(settings.host) else ())


def _host_name(host: str | None) -> str:
    try:
        return urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return ""
