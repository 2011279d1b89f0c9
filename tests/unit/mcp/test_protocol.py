"""Checks the sealed state of `collect_payment` and which tools a client has, without a network."""

import asyncio
from typing import Any, Literal, cast

import pytest
from mcp import Client, MCPError, types
from mcp.server.lowlevel import Server
from structlog.testing import capture_logs

from lea_payments.mcp import protocol
from lea_payments.mcp.arguments import NewLink
from lea_payments.mcp.results import PaymentResult
from lea_payments.mcp.tools import ROUNDS, Collection, Tools
from tests.support.mcp_server import LEGACY, NEWEST, STATE_SECRET, link_arguments, payment_in

LINK = "https://pay.example/1"
OTHER_SECRET = "another-state-secret-of-the-same-length"


class ScriptedTools:
    """Creates payments, and collects them after some rounds."""

    def __init__(self, rounds: int = 0) -> None:
        self.rounds = rounds
        self.error: Exception | None = None

    async def create_payment_link(self, new: NewLink) -> PaymentResult:
        if self.error:
            raise self.error
        return PaymentResult(payment_id=new.payment_id, status="pending", version=1, final=False, link=LINK)

    async def payment_status(self, query: Any) -> PaymentResult:
        return PaymentResult(payment_id=query.payment_id, status="pending", version=1, final=False)

    cancel_payment_link = payment_status

    async def collected(self, collection: Collection) -> PaymentResult:
        self.rounds -= 1
        is_paid = self.rounds < 0
        status: Literal["pending", "completed"] = "completed" if is_paid else "pending"
        return PaymentResult(payment_id=collection.payment_id, status=status, version=2, final=is_paid)


def server(tools: ScriptedTools | None = None, *, secret: str = STATE_SECRET, seconds: float = 60) -> Server[Any]:
    return protocol.create_server(cast("Tools", tools or ScriptedTools()), [secret], state_seconds=seconds)


async def accept(context: Any, params: Any) -> types.ElicitResult:  # noqa: ARG001 - the SDK passes it by name
    return types.ElicitResult(action="accept")


async def decline(context: Any, params: Any) -> types.ElicitResult:  # noqa: ARG001 - the SDK passes it by name
    return types.ElicitResult(action="decline")


async def state_of(arguments: dict[str, Any], at: Server[Any]) -> str:
    async with Client(at, mode=NEWEST, elicitation_callback=accept) as client:
        first = await client.session.call_tool("collect_payment", arguments, allow_input_required=True)
    assert isinstance(first, types.InputRequiredResult)
    assert first.request_state
    return first.request_state


async def send_state(arguments: dict[str, Any], state: str, at: Server[Any], name: str = "collect_payment") -> str:
    """The status of the payment, or the error's message."""
    answers: types.InputResponses = {protocol.INPUT: types.ElicitResult(action="accept")}
    async with Client(at, mode=NEWEST, elicitation_callback=accept) as client:
        try:
            result = await client.session.call_tool(
                name, arguments, request_state=state, input_responses=answers, allow_input_required=True
            )
        except MCPError as error:
            return error.error.message
    assert isinstance(result, types.CallToolResult)
    return str(payment_in(result)["status"])


async def test_a_replica_with_the_secret_accepts_the_state() -> None:
    arguments = link_arguments()
    state = await state_of(arguments, server())

    assert await send_state(arguments, state, server()) == "completed"


@pytest.mark.parametrize("kind", ["tampered", "cut", "unsealed", "other secret", "other order", "other tool"])
async def test_a_state_that_was_not_sealed_for_the_call_is_refused(kind: str) -> None:
    arguments, at = link_arguments(), server()
    state = await state_of(arguments, server(secret=OTHER_SECRET) if kind == "other secret" else at)
    middle = len(state) // 2
    states = {
        "tampered": state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :],
        "cut": state[:-4],
        "unsealed": Collection("mcp_1", 1, 1).text(),
    }
    arguments = arguments | {"amount": 1} if kind == "other order" else arguments
    name = "create_payment_link" if kind == "other tool" else "collect_payment"

    assert await send_state(arguments, states.get(kind, state), at, name) == "Invalid or expired requestState"


async def test_an_expired_state_is_refused() -> None:
    arguments, at = link_arguments(), server(seconds=0.01)
    state = await state_of(arguments, at)
    await asyncio.sleep(0.05)

    assert await send_state(arguments, state, at) == "Invalid or expired requestState"


async def test_a_state_has_nothing_that_a_client_can_read() -> None:
    arguments = link_arguments()
    state = await state_of(arguments, server())

    assert not {arguments["user_id"], NewLink.model_validate(arguments).payment_id} & {*state.split(".")}


@pytest.mark.parametrize(("rounds", "status"), [(ROUNDS - 1, "completed"), (ROUNDS + 5, "pending")])
async def test_a_slow_customer_does_not_break_the_client(rounds: int, status: str) -> None:
    async with Client(server(ScriptedTools(rounds)), mode=NEWEST, elicitation_callback=accept) as client:
        result = await client.call_tool("collect_payment", link_arguments())

    assert payment_in(result)["status"] == status


async def test_a_customer_who_declines_ends_the_call() -> None:
    async with Client(server(ScriptedTools(5)), mode=NEWEST, elicitation_callback=decline) as client:
        result = await client.call_tool("collect_payment", link_arguments())

    assert payment_in(result)["status"] == "pending"


@pytest.mark.parametrize("mode", [NEWEST, LEGACY])
async def test_a_client_that_shows_no_links_gets_the_link(mode: str) -> None:
    async with Client(server(), mode=mode) as client:
        result = await client.call_tool("collect_payment", link_arguments())

    assert payment_in(result)["link"] == LINK


@pytest.mark.parametrize(("mode", "tools"), [(NEWEST, 4), (LEGACY, 3)])
async def test_only_the_newest_protocol_has_collect_payment(mode: str, tools: int) -> None:
    async with Client(server(), mode=mode) as client:
        listed = (await client.list_tools()).tools

    assert len(listed) == tools
    assert all(tool.output_schema and tool.description for tool in listed)


async def test_a_bug_is_an_error_without_its_text() -> None:
    tools = ScriptedTools()
    tools.error = RuntimeError("Tan Ah Kow, S1234567D")
    with capture_logs() as lines:
        async with Client(server(tools), mode=NEWEST) as client:
            result = await client.call_tool("create_payment_link", link_arguments())

    assert "tool_failed" in [line["event"] for line in lines]
    assert result.structured_content["error"]["code"] == "internal_error"
    assert "Tan" not in str(result)


async def test_an_unknown_tool_is_an_error_of_the_protocol() -> None:
    async with Client(server(), mode=NEWEST) as client:
        with pytest.raises(MCPError, match="no such tool"):
            await client.call_tool("refund_everything", {})
