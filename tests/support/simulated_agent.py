"""Calls the tools as the sales agent of a simulation."""

import asyncio

from tests.support.mcp_server import AGENT_TOKEN, error_in, http_client, link_arguments, payment_in

TOO_MUCH = 500001
"""An amount above the cap."""


def call_tools(url: str) -> None:
    """Creates a link, asks for its payment, and asks for a link that is over the cap."""
    asyncio.run(_call_tools(url))


async def _call_tools(url: str) -> None:
    async with http_client(url, token=AGENT_TOKEN) as agent:
        payment = payment_in(await agent.call_tool("create_payment_link", link_arguments()))
        await agent.call_tool("payment_status", {"payment_id": payment["payment_id"]})
        refused = await agent.call_tool("create_payment_link", link_arguments(amount=TOO_MUCH))
    assert error_in(refused)["code"] == "amount_over_cap"
