"""Serves the tools by the Model Context Protocol: lists them, checks arguments, and turns their ends into results."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mcp import types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ValidationError

from lea_payments import __version__
from lea_payments.mcp.arguments import NewLink, PaymentReference, StatusQuery, refusal_of
from lea_payments.mcp.errors import INTERNAL_ERROR, ToolRefusalError
from lea_payments.mcp.results import OUTPUT_SCHEMA, PaymentResult, error_of, result_of
from lea_payments.mcp.tools import ROUNDS, Collection, Tools
from lea_payments.telemetry import spans
from lea_payments.telemetry.mcp import tool_calls as telemetry

NAME = "lea-payments"
STATE_SECONDS = 3600.0
"""How long an agent may take for one step of `collect_payment`, such as showing the link."""

CALLER = "lea_payments.mcp_caller"
"""Where a request's scope has the caller, to which the state is bound."""

INPUT = "payment"
INSTRUCTIONS = (
    "Sell with these tools. Send the amount of the quote that the customer has accepted, never another one. Hand over "
    "the link exactly as it is, and never ask for card data. Say that the customer has paid only if the status is "
    "completed. If a call fails without an answer, repeat it with the same arguments: it cannot charge twice."
)

Context = ServerRequestContext[Any, Any]
ToolAnswer = types.CallToolResult | types.InputRequiredResult
Run = Callable[[Any], Awaitable[PaymentResult]]


class _Tool(NamedTuple):
    """One tool: what clients read about it, and its arguments."""

    title: str
    description: str
    arguments: type[BaseModel]
    reads_only: bool = False
    destroys: bool = False

    def listed(self, name: str) -> types.Tool:
        """The tool as clients see it."""
        return types.Tool(
            name=name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=dict(OUTPUT_SCHEMA),
            annotations=types.ToolAnnotations(
                read_only_hint=self.reads_only,
                destructive_hint=self.destroys,
                idempotent_hint=True,
                open_world_hint=True,
            ),
        )


_TOOLS: Mapping[str, _Tool] = {
    telemetry.CREATE: _Tool(
        "Create a payment link",
        "Creates a payment and returns the link where the customer pays. Repeating the call returns the same payment "
        "and link. Then wait with payment_status.",
        NewLink,
    ),
    telemetry.STATUS: _Tool(
        "Read a payment",
        "Returns a payment as it is now, or waits up to wait_seconds for its next change.",
        StatusQuery,
        reads_only=True,
    ),
    telemetry.CANCEL: _Tool(
        "Cancel a payment link",
        "Cancels a link that must not be paid any more, such as that of an old offer. If the customer has paid, the "
        "result is an error such as already_completed.",
        PaymentReference,
        destroys=True,
    ),
    telemetry.COLLECT: _Tool(
        "Collect a payment",
        "Creates a payment, hands its link to the customer and returns when it is paid or has failed. If the result is "
        "pending, call it again with the same arguments: it goes on with the same link.",
        NewLink,
    ),
}


class ToolServer:
    """The handlers of the protocol's requests."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._run: Mapping[str, Run] = {
            telemetry.CREATE: tools.create_payment_link,
            telemetry.STATUS: tools.payment_status,
            telemetry.CANCEL: tools.cancel_payment_link,
        }

    async def list_tools(self, context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The tools that the client's protocol has: requests for input came with the newest one."""
        names = [name for name in _TOOLS if name != telemetry.COLLECT or _is_modern(context)]
        return types.ListToolsResult(tools=[_TOOLS[name].listed(name) for name in names])

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> ToolAnswer:
        """Runs a tool. Every error of a tool is a result, so that the agent can read it."""
        if params.name not in _TOOLS:
            raise MCPError(types.INVALID_PARAMS, "There is no such tool; list the tools.")
        with telemetry.tool_call(params.name, _traceparent(context)) as call:
            try:
                answer = await self._answer(context, params, call)
            except ToolRefusalError as refusal:
                call.refused(refusal.code, is_failure=refusal.is_failure)
                return error_of(refusal)
            except Exception:  # noqa: BLE001 - its text can contain data of the customer
                telemetry.tool_failed()
                return error_of(ToolRefusalError(INTERNAL_ERROR, ""))
            if isinstance(answer, PaymentResult):
                call.succeeded(answer.payment_id)
                return result_of(answer)
            call.asked_for_input()
            return answer

    async def _answer(
        self, context: Context, params: types.CallToolRequestParams, call: telemetry.ToolCall
    ) -> PaymentResult | types.InputRequiredResult:
        try:
            arguments = _TOOLS[params.name].arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            raise refusal_of(error) from None
        if isinstance(arguments, NewLink) and params.name == telemetry.COLLECT:
            return await self._collect(context, params, arguments, call)
        return await self._run[params.name](arguments)

    async def _collect(
        self, context: Context, params: types.CallToolRequestParams, new: NewLink, call: telemetry.ToolCall
    ) -> PaymentResult | types.InputRequiredResult:
        """Hands over the link at the first call, and waits at the others, which bring the sealed state back."""
        call.payment_id = new.payment_id
        if params.request_state is None:
            payment = await self._tools.create_payment_link(new)
            if payment.link is None or not _shows_links(context):
                return payment
            state = Collection(payment.payment_id, payment.version, 1, spans.current_traceparent())
            return types.InputRequiredResult(input_requests={INPUT: _link_request(payment)}, request_state=state.text())
        state = Collection.of(params.request_state, new.payment_id)
        call.continues(state.traceparent)
        answer = (params.input_responses or {}).get(INPUT)
        if isinstance(answer, types.ElicitResult) and answer.action != "accept":
            return await self._tools.payment_status(StatusQuery(payment_id=state.payment_id))
        payment = await self._tools.collected(state)
        if payment.final or state.round >= ROUNDS:
            return payment
        state = state._replace(version=payment.version, round=state.round + 1)
        return types.InputRequiredResult(request_state=state.text())


class MeasuredRequests:
    """Counts the tool calls that do not reach their tool, because their state or their request is not valid."""

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Handles one request."""
        try:
            return await call_next(ctx)
        except (MCPError, ValidationError) as error:
            if ctx.method == "tools/call":
                data = error.error.data if isinstance(error, MCPError) else None
                is_state = isinstance(data, dict) and "reason" in data
                telemetry.request_rejected(is_state=is_state, tool=str((ctx.params or {}).get("name", "")))
            raise


def create_server(tools: Tools, state_secrets: Sequence[str], *, state_seconds: float = STATE_SECONDS) -> Server[Any]:
    """The server of the protocol. Without secrets, the state is valid in this process only."""
    handlers = ToolServer(tools)
    server: Server[Any] = Server(
        NAME,
        version=__version__,
        title="LEA Payments",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
    )
    security = (
        RequestStateSecurity(keys=state_secrets, ttl=state_seconds, bind_principal=_caller)
        if state_secrets
        else RequestStateSecurity.ephemeral(ttl=state_seconds)
    )
    # They replace the SDK's spans, whose attributes can contain anything that a client sends.
    server.middleware[:] = [MeasuredRequests(), RequestStateBoundary(security, default_audience=NAME)]
    return server


def _link_request(payment: PaymentResult) -> types.ElicitRequest:
    assert payment.link is not None
    message = "Pay for your order on Stripe's page. The conversation goes on as soon as the payment has arrived."
    return types.ElicitRequest(params=types.ElicitRequestURLParams(message=message, url=payment.link))


def _is_modern(context: Context) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def _shows_links(context: Context) -> bool:
    """Whether the client can be asked to hand over a link in the middle of a call."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return _is_modern(context) and elicitation is not None and elicitation.url is not None


def _caller(context: Context) -> str | None:
    scope = getattr(context.request, "scope", {})
    caller: str | None = scope.get(CALLER)
    return caller


def _traceparent(context: Context) -> str | None:
    value = (context.meta or {}).get("traceparent")
    return value if isinstance(value, str) else None
