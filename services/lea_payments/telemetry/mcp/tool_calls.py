"""Records tool calls and the caps that refuse them as metrics, spans and log lines."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from lea_payments.log import log, present
from lea_payments.telemetry import spans
from lea_payments.telemetry.metrics import OK, OTHER, series
from lea_payments.telemetry.throttle import PerSecond, Throttle

TOOLS = (
    CREATE := "create_payment_link",
    STATUS := "payment_status",
    CANCEL := "cancel_payment_link",
    COLLECT := "collect_payment",
)
LINKED_TOOLS = (CREATE, COLLECT)
"""The tools whose spans name the payment. A trace that names a payment is connected with all others that do; a call
that only reads or cancels a payment does not know the trace of its creation."""

OUTCOMES = (
    OK,
    INPUT_REQUIRED := "input_required",
    REFUSED := "refused",
    CAPPED := "capped",
    INVALID := "invalid",
    INVALID_STATE := "invalid_state",
    FAILED := "failed",
)
"""Outcomes of a tool call. `input_required`: the agent hands over the link or waits, and sends the call again.
`refused`: checkout has answered with an error of the caller. `invalid`: the arguments or the request are not valid.
`failed`: checkout or this service has failed."""

UNAUTHORIZED = "unauthorized"
CAPS: Mapping[str, str] = {
    "amount_over_cap": "amount",
    "currency_not_allowed": "currency",
    "hourly_amount_over_cap": "hourly_amount",
    "hourly_links_over_cap": "hourly_links",
}
"""The cap behind each error code."""

CALLS = Counter("payments_mcp_calls_total", "Tool calls by tool and outcome.", ("tool", "outcome"))
DURATION = Histogram(
    "payments_mcp_call_seconds",
    "Time from a tool call to its result, with the time that it waits for the customer.",
    ("tool",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
CAPS_REFUSED = Counter("payments_mcp_caps_refused_total", "Links that a cap has refused.", ("cap",))

_unauthorized = Throttle(seconds=60)
_invalid = PerSecond(10)


class ToolCall:
    """One tool call. Its outcome is `failed` until it is set."""

    __slots__ = ("_span", "code", "outcome", "payment_id")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.outcome = FAILED
        self.code: str | None = None
        self.payment_id: str | None = None

    def succeeded(self, payment_id: str) -> None:
        """The call ends with this payment."""
        self.outcome, self.payment_id = OK, payment_id

    def continues(self, traceparent: str | None) -> None:
        """The call goes on with what an earlier call has begun."""
        spans.link(self._span, traceparent)

    def asked_for_input(self) -> None:
        """The call ends with a request to the agent, which sends it again."""
        self.outcome = INPUT_REQUIRED

    def refused(self, code: str, *, is_failure: bool) -> None:
        """The call ends with this error code."""
        self.code = code
        self.outcome = CAPPED if code in CAPS else INVALID if code == "invalid_request" else REFUSED
        if is_failure:
            self.outcome = FAILED


@contextmanager
def tool_call(tool: str, traceparent: str | None) -> Iterator[ToolCall]:
    """Measures one tool call; the caller sets its outcome. `traceparent` is that of the agent's request, if it has one.

    The span joins the agent's trace. Then it is linked to the span of the HTTP request, which it otherwise is part of.
    """
    label = tool if tool in TOOLS else OTHER
    request, agent = trace.get_current_span(), spans.remote(traceparent)
    name, attributes = f"tools/call {label}", {"mcp.method.name": "tools/call", "gen_ai.tool.name": label}
    with spans.OperationSpan(name, SpanKind.SERVER, attributes, trace.set_span_in_context(agent or request)) as span:
        if agent is not None and request.get_span_context().is_valid:
            span.span.add_link(request.get_span_context())
        call = ToolCall(span.span)
        try:
            yield call
        finally:
            _record(span, label, call)


def _record(operation: spans.OperationSpan, tool: str, call: ToolCall) -> None:
    span = operation.failed(call.outcome) if call.outcome == FAILED else operation.span
    if span.is_recording():
        span.set_attribute("payments.outcome", call.outcome)
        if call.payment_id and tool in LINKED_TOOLS:
            span.set_attribute("payments.payment.id", call.payment_id)
        if call.outcome == FAILED:
            spans.fail(span, call.code or FAILED)
    series(CALLS, tool, call.outcome).inc()
    series(DURATION, tool).observe(operation.seconds, spans.exemplar(span))
    if call.code is not None and call.code in CAPS:
        series(CAPS_REFUSED, CAPS[call.code]).inc()
    fields = {"code": call.code, "payment_id": call.payment_id, "trace_id": spans.trace_id(span)}
    if call.outcome not in (INVALID, INVALID_STATE) or _invalid.allows(call.outcome, time.monotonic()):
        write = log.info if call.outcome in (OK, INPUT_REQUIRED) else log.warning
        write(
            "tool_called",
            tool=tool,
            outcome=call.outcome,
            duration_ms=round(operation.seconds * 1000, 1),
            **present(fields),
        )


def tool_failed() -> None:
    """An unexpected error ended a tool call. Call it where the exception is handled: the line has its traceback."""
    log.exception("tool_failed")


def request_rejected(tool: str, *, is_state: bool) -> None:
    """A tool call did not reach its tool: its state is expired or was not sealed here, or it is not a valid call."""
    outcome = INVALID_STATE if is_state else INVALID
    tool = tool if tool in TOOLS else OTHER
    series(CALLS, tool, outcome).inc()
    if _invalid.allows(outcome, time.monotonic()):
        log.warning("tool_call_rejected", tool=tool, outcome=outcome)


def agent_rejected(reason: str) -> None:
    """A request without a valid token, or from an origin or for a host that is not allowed. One log line a minute."""
    series(CALLS, OTHER, UNAUTHORIZED).inc()
    count = _unauthorized.count(reason, time.monotonic())
    if count:
        remedy = "find the client in the ingress or proxy log; give it a token of MCP_TOKEN, or check MCP_ALLOWED_HOSTS"
        log.warning("agent_rejected", reason=reason, count=count, remedy=remedy)
