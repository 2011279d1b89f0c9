"""Maps the routes of the controls to their handlers."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from stripe_emulator.controls import clock, deliveries, payments

ROUTES: list[tuple[str, str, Callable[..., Awaitable[object]]]] = [
    ("GET", "/_faults", deliveries.show_faults),
    ("PUT", "/_faults", deliveries.set_faults),
    ("DELETE", "/_faults", deliveries.clear_faults),
    ("GET", "/_deliveries", deliveries.list_deliveries),
    ("POST", "/_deliveries/retry", deliveries.retry_deliveries),
    ("PUT", "/_webhook_endpoints/{endpoint_id}/secrets", deliveries.set_secrets),
    ("POST", "/_events/{event_id}/resend", deliveries.resend_event),
    ("POST", "/_events/{event_id}/copy", deliveries.copy_event),
    ("POST", "/_pay/{session_id}", payments.pay_session),
    ("POST", "/_sessions/{session_id}/settle", payments.settle_session),
    ("POST", "/_refunds/{refund_id}/succeed", payments.succeed_refund),
    ("POST", "/_refunds/{refund_id}/require_action", payments.require_refund_action),
    ("POST", "/_refunds/{refund_id}/cancel", payments.cancel_refund),
    ("POST", "/_refunds/{refund_id}/fail", payments.fail_refund),
    ("POST", "/_disputes", payments.open_dispute),
    ("POST", "/_disputes/{dispute_id}/close", payments.close_dispute),
    ("POST", "/_disputes/{dispute_id}/status", payments.move_dispute),
    ("POST", "/_early_fraud_warnings", payments.create_warning),
    ("POST", "/_advance", clock.advance),
    ("POST", "/_reset", clock.reset),
]


def add_routes(app: FastAPI) -> None:
    """Add all controls."""
    for method, path, handle in ROUTES:
        app.add_api_route(path, handle, methods=[method])
