"""Sells policies through the tools, with the official client over HTTP and stdio and the emulator's pay page."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mcp import types

from tests.support import mcp_server
from tests.support.checkout_api import SECRETS, WEBHOOK_SECRET, sessions_of
from tests.support.emulator import EmulatorClient
from tests.support.mcp_server import (
    LEGACY,
    NEWEST,
    error_in,
    http_client,
    link_arguments,
    payment_in,
    pays_with,
    stdio_client,
)
from tests.support.processes import Process

Pay = Callable[[str], None]


@pytest.fixture(scope="module")
def account(start: Callable[..., Process]) -> Iterator[EmulatorClient]:
    webhook = start("webhook", STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET)
    hook = {"EMULATOR_WEBHOOK_URL": f"{webhook.url}/webhook/stripe", "EMULATOR_WEBHOOK_SECRET": WEBHOOK_SECRET}
    with EmulatorClient(start("stripe-emulator", **hook).url) as client:
        yield client


@pytest.fixture(scope="module")
def settings(start: Callable[..., Process], account: EmulatorClient) -> dict[str, str]:
    return mcp_server.settings(start("checkout", STRIPE_API_BASE=account.url, **SECRETS).url)


@pytest.fixture(scope="module")
def replicas(start: Callable[..., Process], settings: dict[str, str]) -> tuple[str, str]:
    first, second = (start("mcp", **settings, **mcp_server.OF_AGENTS) for _ in range(2))
    return first.url, second.url


@pytest.fixture(scope="module")
def server(replicas: tuple[str, str]) -> str:
    return replicas[0]


@pytest.fixture
def pay(account: EmulatorClient) -> Pay:
    return lambda link: account.pay_without_waiting(link.rpartition("/")[2])


async def test_the_newest_protocol_collects_in_one_call(server: str, pay: Pay) -> None:
    async with http_client(server, NEWEST, elicitation_callback=pays_with(pay)) as client:
        payment = payment_in(await client.call_tool("collect_payment", link_arguments()))

    assert (payment["status"], payment["final"], payment["amount"]) == ("completed", True, 12000)


async def test_an_older_protocol_collects_in_two_calls(server: str, pay: Pay) -> None:
    async with http_client(server, LEGACY) as client:
        created = payment_in(await client.call_tool("create_payment_link", link_arguments()))
        await asyncio.to_thread(pay, created["link"])
        query = {"payment_id": created["payment_id"], "wait_seconds": 25, "after_version": created["version"]}
        payment = payment_in(await client.call_tool("payment_status", query))

    assert payment["status"] == "completed"


@pytest.mark.parametrize("mode", [NEWEST, LEGACY])
async def test_a_desktop_program_sells_over_stdio(settings: dict[str, str], pay: Pay, mode: str) -> None:
    async with stdio_client(settings, mode, elicitation_callback=pays_with(pay)) as client:
        if mode == NEWEST:
            payment = payment_in(await client.call_tool("collect_payment", link_arguments()))
        else:
            created = payment_in(await client.call_tool("create_payment_link", link_arguments()))
            await asyncio.to_thread(pay, created["link"])
            query = {"payment_id": created["payment_id"], "wait_seconds": 25}
            payment = payment_in(await client.call_tool("payment_status", query))

    assert payment["status"] == "completed"


async def test_another_replica_goes_on_with_a_collection(replicas: tuple[str, str], pay: Pay) -> None:
    arguments = link_arguments()
    async with http_client(replicas[0], elicitation_callback=pays_with(pay)) as client:
        first = await client.session.call_tool("collect_payment", arguments, allow_input_required=True)
    assert isinstance(first, types.InputRequiredResult)
    assert first.input_requests
    (request,) = first.input_requests.values()
    assert isinstance(request.params, types.ElicitRequestURLParams)
    await asyncio.to_thread(pay, request.params.url)
    async with http_client(replicas[1], elicitation_callback=pays_with(pay)) as client:
        answers: types.InputResponses = {"payment": types.ElicitResult(action="accept")}
        result = await client.session.call_tool(
            "collect_payment", arguments, input_responses=answers, request_state=first.request_state
        )

    assert payment_in(result)["status"] == "completed"


async def test_a_retry_at_another_replica_creates_no_second_link(
    replicas: tuple[str, str], account: EmulatorClient
) -> None:
    arguments = link_arguments()

    async def create(url: str) -> dict[str, Any]:
        async with http_client(url) as client:
            return payment_in(await client.call_tool("create_payment_link", arguments))

    payments = await asyncio.gather(*(create(url) for url in (*replicas, *replicas)))
    assert len({(payment["payment_id"], payment["link"]) for payment in payments}) == 1
    assert len(sessions_of(account.http, payments[0]["payment_id"])) == 1


async def test_a_paid_order_is_the_result_of_its_retry(server: str, pay: Pay) -> None:
    arguments = link_arguments()
    async with http_client(server, elicitation_callback=pays_with(pay)) as client:
        collected = payment_in(await client.call_tool("collect_payment", arguments))
        repeated = payment_in(await client.call_tool("collect_payment", arguments))
        again = payment_in(await client.call_tool("create_payment_link", arguments | {"idempotency_key": "second"}))

    assert (repeated["payment_id"], repeated["status"]) == (collected["payment_id"], "completed")
    assert again["payment_id"] != collected["payment_id"]


async def test_a_canceled_link_cannot_be_paid(server: str, account: EmulatorClient) -> None:
    arguments = link_arguments()
    async with http_client(server) as client:
        created = payment_in(await client.call_tool("create_payment_link", arguments))
        reference = {"payment_id": created["payment_id"]}
        canceled = payment_in(await client.call_tool("cancel_payment_link", reference))
        refused = error_in(await client.call_tool("create_payment_link", arguments))

    assert (canceled["status"], canceled["reason"]) == ("expired", "canceled")
    assert refused["code"] == "payment_canceled"
    assert account.pay(created["link"].rpartition("/")[2], wait=False).status_code >= 400


async def test_a_paid_payment_is_not_canceled(server: str, pay: Pay) -> None:
    async with http_client(server, elicitation_callback=pays_with(pay)) as client:
        paid = payment_in(await client.call_tool("collect_payment", link_arguments()))
        refused = error_in(await client.call_tool("cancel_payment_link", {"payment_id": paid["payment_id"]}))

    assert refused["code"] == "already_completed"


async def test_a_new_offer_supersedes_the_old_one(server: str) -> None:
    async with http_client(server) as client:
        old = payment_in(await client.call_tool("create_payment_link", link_arguments()))
        offer = link_arguments(amount=9000, supersedes=[old["payment_id"]])
        new = payment_in(await client.call_tool("create_payment_link", offer))
        status = payment_in(await client.call_tool("payment_status", {"payment_id": old["payment_id"]}))

    assert new["link"]
    assert status["reason"] == "canceled"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("payment_status", {"payment_id": "mcp_unknown"}, "payment_not_found"),
        ("cancel_payment_link", {"payment_id": "mcp_unknown"}, "payment_not_found"),
        ("create_payment_link", link_arguments(amount=1), "amount_too_small"),
        ("create_payment_link", link_arguments(currency="EUR"), "currency_not_allowed"),
        ("create_payment_link", link_arguments(amount=500001), "amount_over_cap"),
        ("create_payment_link", link_arguments(locale="xx"), "invalid_request"),
        ("create_payment_link", link_arguments(user_id=None), "invalid_request"),
    ],
    ids=["unknown payment", "unknown link", "too small", "currency", "cap", "of checkout", "missing"],
)
async def test_an_error_has_the_code_of_checkout(server: str, tool: str, arguments: dict[str, Any], code: str) -> None:
    async with http_client(server) as client:
        assert error_in(await client.call_tool(tool, arguments))["code"] == code


async def test_an_unreachable_checkout_is_an_error_of_the_tool(free_port: Callable[[], int]) -> None:
    variables = mcp_server.settings(f"http://127.0.0.1:{free_port()}")
    async with stdio_client(variables) as client:
        assert (
            error_in(await client.call_tool("create_payment_link", link_arguments()))["code"] == "checkout_unreachable"
        )


async def test_a_replica_that_stops_answers_calls_that_wait(
    start: Callable[..., Process], settings: dict[str, str]
) -> None:
    """Calls that arrive during the drain are answered at once, too, so the order of call and signal does not matter."""
    stopping = start("mcp", **settings, **mcp_server.OF_AGENTS, DRAIN_SECONDS="2")
    async with http_client(stopping.url) as client:
        created = payment_in(await client.call_tool("create_payment_link", link_arguments()))
        query = {"payment_id": created["payment_id"], "wait_seconds": 25}
        waiting = asyncio.create_task(client.call_tool("payment_status", query))
        await asyncio.sleep(0.1)
        stopping.process.send_signal(signal.SIGTERM)
        payment = payment_in(await waiting)

    assert payment["status"] == "pending"
    assert await asyncio.to_thread(stopping.stop) == 0
