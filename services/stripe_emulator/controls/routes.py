"""Maps the routes of the controls to their handlers, and describes them in OpenAPI."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from fastapi import FastAPI
from pydantic import BaseModel

from stripe_emulator.controls import bodies, clock, deliveries, payments
from stripe_emulator.faults.faults import Faults

Handler = Callable[..., Awaitable[object]]
TAG = "controls"
ERROR = {"description": "An error in Stripe's format: `error.message` says what to change."}


class Control(NamedTuple):
    """One control: its route, its handler, and the JSON object, the query parameters or the filters that it reads."""

    method: str
    path: str
    handle: Handler
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    filters: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What the control does, in one sentence."""
        return (self.handle.__doc__ or "").partition("\n")[0]


CONTROLS = (
    Control("POST", "/_pay/{session_id}", payments.pay_session, bodies.PayBody),
    Control("POST", "/_authenticate/{object_id}", payments.authenticate, bodies.AuthenticationBody),
    Control("POST", "/_sessions/{session_id}/settle", payments.settle_session, query=bodies.SettleQuery),
    Control("POST", "/_disputes", payments.open_dispute, bodies.DisputeBody),
    Control("POST", "/_disputes/{dispute_id}/close", payments.close_dispute, query=bodies.CloseQuery),
    Control("POST", "/_disputes/{dispute_id}/status", payments.move_dispute, bodies.DisputeStatusBody),
    Control("POST", "/_early_fraud_warnings", payments.create_warning, bodies.WarningBody),
    Control("POST", "/_refunds/{refund_id}/succeed", payments.succeed_refund),
    Control("POST", "/_refunds/{refund_id}/require_action", payments.require_refund_action),
    Control("POST", "/_refunds/{refund_id}/cancel", payments.cancel_refund),
    Control("POST", "/_refunds/{refund_id}/fail", payments.fail_refund, bodies.FailureBody),
    Control("GET", "/_deliveries", deliveries.list_deliveries, filters=("event", "type", "object")),
    Control("POST", "/_deliveries/retry", deliveries.retry_deliveries),
    Control("POST", "/_events/{event_id}/resend", deliveries.resend_event),
    Control("POST", "/_events/{event_id}/copy", deliveries.copy_event, bodies.OriginBody),
    Control("PUT", "/_webhook_endpoints/{endpoint_id}/secrets", deliveries.set_secrets, bodies.SecretsBody),
    Control("GET", "/_faults", deliveries.show_faults),
    Control("PUT", "/_faults", deliveries.set_faults, Faults),
    Control("DELETE", "/_faults", deliveries.clear_faults),
    Control("POST", "/_advance", clock.advance, bodies.AdvanceBody),
    Control("POST", "/_reset", clock.reset),
)


def add_routes(app: FastAPI) -> None:
    """Add all controls."""
    for control in CONTROLS:
        app.add_api_route(
            control.path,
            control.handle,
            methods=[control.method],
            tags=[TAG],
            summary=control.summary,
            operation_id=control.handle.__name__,
            responses={"4XX": ERROR},
            openapi_extra=_described(control),
        )


def _described(control: Control) -> dict[str, Any]:
    """Return what FastAPI cannot see in the signature of a handler that reads the request itself."""
    described: dict[str, Any] = {}
    if control.body:
        schema = control.body.model_json_schema()
        described["requestBody"] = {
            "required": bool(schema.get("required")),
            "content": {"application/json": {"schema": _inline(schema), "example": schema["examples"][0]}},
        }
    if control.query:
        schema = control.query.model_json_schema()
        described["parameters"] = [
            {"name": name, "in": "query", "required": name in schema["required"], "schema": part}
            for name, part in schema["properties"].items()
        ]
    if control.filters:
        text = {"schema": {"type": "string"}}
        described["parameters"] = [{"name": name, "in": "query"} | text for name in control.filters]
    return described


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definitions of a schema where they are used, because OpenAPI keeps definitions in another place."""
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(item) for item in part]
        if not isinstance(part, dict):
            return part
        if name := part.get("$ref", "").removeprefix("#/$defs/"):
            return inlined(definitions[name] | {key: value for key, value in part.items() if key != "$ref"})
        return {key: inlined(value) for key, value in part.items()}

    result: dict[str, Any] = inlined(schema)
    return result
