"""Defines the results of the tools, and what the agent should do next."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from mcp import types
from pydantic import BaseModel, Field

from lea_payments.mcp.errors import MESSAGES, ToolRefusalError
from lea_payments.payment.record import Status


class PaymentResult(BaseModel):
    """A payment as it is now. It has no personal data."""

    payment_id: str
    status: Literal["pending", "completed", "failed", "expired"]
    reason: Annotated[str | None, Field(description="Why, such as awaiting_funds or a decline code.")] = None
    amount: Annotated[int | None, Field(description="In minor units.")] = None
    currency: str | None = None
    version: Annotated[int, Field(description="Grows with each change. Send it as after_version to wait for the next.")]
    final: Annotated[bool, Field(description="Whether the status stays as it is. Only completed means paid.")]
    link: Annotated[str | None, Field(description="Where the customer pays. Hand it over exactly as it is.")] = None
    link_expires_at: str | None = None


class ErrorResult(BaseModel):
    """Why the call was refused."""

    code: Annotated[str, Field(description="Stable: one of the checkout API's error codes or one of this server.")]
    message: str
    param: Annotated[str | None, Field(description="The argument to change.")] = None
    retry_after: Annotated[int | None, Field(description="Seconds to wait before the call is repeated.")] = None


class ToolResult(BaseModel):
    """The result of every tool: a payment, or an error."""

    payment: PaymentResult | None = None
    error: ErrorResult | None = None


OUTPUT_SCHEMA: Mapping[str, Any] = ToolResult.model_json_schema()

LINK = "Give the customer the link exactly as it is, and never ask for card data. Then wait with payment_status."
NOT_FINAL = "Not paid yet. Wait with payment_status and after_version; the customer can still pay with the link."
CANCELED = "The link is canceled and cannot be paid. Another offer needs a new link."
NEXT_STEPS: Mapping[tuple[str, bool], str] = {
    (Status.COMPLETED, True): "The customer has paid. Confirm the purchase.",
    (Status.PENDING, False): NOT_FINAL,
    (Status.PENDING, True): "A person must look at this payment. Do not say that it is paid; hand over to a person.",
    (Status.FAILED, False): "The card was declined. The customer can try again with the same link.",
    (
        Status.FAILED,
        True,
    ): "The payment failed. Call create_payment_link again for a new link if the customer wants it.",
    (
        Status.EXPIRED,
        True,
    ): "The link has expired. Call create_payment_link again for a new link if the customer wants it.",
}
"""What the agent should do, by status and whether it is final."""


def result_of(payment: PaymentResult) -> types.CallToolResult:
    """The result of a call that succeeded."""
    step = CANCELED if payment.reason == "canceled" else NEXT_STEPS.get((payment.status, payment.final), NOT_FINAL)
    return _result(LINK if payment.link else step, ToolResult(payment=payment), is_error=False)


def error_of(refusal: ToolRefusalError) -> types.CallToolResult:
    """The result of a call that was refused."""
    message = MESSAGES.get(refusal.code, refusal.message)
    error = ErrorResult(code=refusal.code, message=message, param=refusal.param, retry_after=refusal.retry_after)
    return _result(message, ToolResult(error=error), is_error=True)


def _result(text: str, result: ToolResult, *, is_error: bool) -> types.CallToolResult:
    """Clients of older protocols read the texts only, so one of them is the JSON."""
    content: list[types.ContentBlock] = [
        types.TextContent(type="text", text=text),
        types.TextContent(type="text", text=result.model_dump_json(exclude_none=True)),
    ]
    return types.CallToolResult(
        content=content, structured_content=result.model_dump(exclude_none=True), is_error=is_error
    )
