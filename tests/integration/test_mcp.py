"""Sells policies through the tools, with the official client over HTTP and stdio and the emulator's pay page."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import mcp_server
from tests.support.checkout_api import SECRETS, WEBHOOK_SECRET
from tests.support.emulator import EmulatorClient
from tests.support.mcp_server import LEGACY, NEWEST, http_client, link_arguments, payment_in, pays_with, stdio_client
from tests.support.processes import Process


@pytest.fixture(scope="module")
def account(start: Callable[..., Process]) -> Any:
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    hook = {"EMULATOR_WEBHOOK_URL": f"{webhook.url}/webhook/stripe", "EMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET}
    with EmulatorClient(start("stripe-emulator", **hook).url) as client:
        yield client


@pytest.fixture(scope="module")
def settings(start: Callable[..., Process], account: EmulatorClient) -> dict[str, str]:
    return mcp_server.settings(start("checkout", STRIPE_API_BASE=account.url, **SECRETS).url)


@pytest.fixture(scope="module")
def server(start: Callable[..., Process], settings: dict[str, str]) -> Process:
    return start("mcp", **settings, **mcp_server.OF_AGENTS)


@pytest.fixture
def pay(account: EmulatorClient) -> Callable[[str], None]:
    return lambda link: account.pay_without_waiting(link.rpartition("/")[2])


async def test_the_newest_protocol_collects_in_one_call(server: Process, pay: Callable[[str], None]) -> None:
    async with http_client(server.url, NEWEST, elicitation_callback=pays_with(pay)) as client:
        payment = payment_in(await client.call_tool("collect_payment", link_arguments()))

    assert (payment["status"], payment["final"], payment["amount"]) == ("completed", True, 12000)


async def test_an_older_protocol_collects_in_two_calls(server: Process, pay: Callable[[str], None]) -> None:
    async with http_client(server.url, LEGACY) as client:
        created = payment_in(await client.call_tool("create_payment_link", link_arguments()))
        await asyncio.to_thread(pay, created["link"])
        query = {"payment_id": created["payment_id"], "wait_seconds": 25, "after_version": created["version"]}
        payment = payment_in(await client.call_tool("payment_status", query))

    assert payment["status"] == "completed"


@pytest.mark.parametrize("mode", [NEWEST, LEGACY])
async def test_a_desktop_program_sells_over_stdio(
    settings: dict[str, str], pay: Callable[[str], None], mode: str
) -> None:
    async with stdio_client(settings, mode, elicitation_callback=pays_with(pay)) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        created = payment_in(await client.call_tool("create_payment_link", link_arguments()))

    assert ("collect_payment" in names) == (mode == NEWEST)
    assert created["link"].startswith("http")
