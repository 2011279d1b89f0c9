"""Serves the emulator's own controls under `/_…`, which Stripe does not have."""

from typing import Annotated, TypeVar

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stripe_emulator.emulator import Current, CurrentApp, build
from stripe_emulator.faults.faults import InvalidFaultsError
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments import checkout, disputes, refunds
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json
from stripe_emulator.validation import must_be, problems, whole_number

MAX_ADVANCE = 366 * 24 * 3600
MAX_AMOUNT = 999_999_999_999


class Body(BaseModel):
    """The JSON body of a control."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PayBody(Body):
    """How to pay. By default, a test card pays."""

    model_config = ConfigDict(strict=False, coerce_numbers_to_str=True)

    card: str = "4242424242424242"
    expiry: str = "12/34"
    cvc: str = "123"
    email: str = ""
    method: str = "card"
    outcome: str = "succeeded"
    after_seconds: str = "5"
    wait: bool = True


class SecretsBody(Body):
    """The signing secrets of a webhook endpoint."""

    secrets: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(min_length=1),
        must_be("a list of at least one text, the new one first"),
    ]


class DisputeBody(Body):
    """What is disputed, and why."""

    payment_intent: Annotated[str, must_be("the id of a PaymentIntent")]
    reason: Annotated[str, must_be("a word such as fraudulent")] = "fraudulent"
    amount: Annotated[int, whole_number(1, MAX_AMOUNT)] | None = None
    inquiry: bool = False


class AdvanceBody(Body):
    """How far to move the clock ahead."""

    seconds: Annotated[int, whole_number(0, MAX_ADVANCE)]


B = TypeVar("B", bound=Body)


def add_routes(app: FastAPI) -> None:
    """Add all controls."""
    app.add_api_route("/_faults", show_faults, methods=["GET"])
    app.add_api_route("/_faults", set_faults, methods=["PUT"])
    app.add_api_route("/_faults", clear_faults, methods=["DELETE"])
    app.add_api_route("/_deliveries", list_deliveries, methods=["GET"])
    app.add_api_route("/_deliveries/retry", retry_deliveries, methods=["POST"])
    app.add_api_route("/_webhook_endpoints/{endpoint_id}/secrets", set_secrets, methods=["PUT"])
    app.add_api_route("/_pay/{session_id}", pay_session, methods=["POST"])
    app.add_api_route("/_sessions/{session_id}/settle", settle_session, methods=["POST"])
    app.add_api_route("/_disputes", open_dispute, methods=["POST"])
    app.add_api_route("/_disputes/{dispute_id}/close", close_dispute, methods=["POST"])
    app.add_api_route("/_refunds/{refund_id}/fail", fail_refund, methods=["POST"])
    app.add_api_route("/_events/{event_id}/resend", resend_event, methods=["POST"])
    app.add_api_route("/_advance", advance, methods=["POST"])
    app.add_api_route("/_reset", reset, methods=["POST"])


async def show_faults(emulator: Current) -> object:
    """Return the current faults as they were requested."""
    return emulator.requested_faults


async def set_faults(request: Request, emulator: Current) -> object:
    """Replace all faults."""
    try:
        emulator.set_faults(await _json(request))
    except InvalidFaultsError as error:
        raise StripeApiError(str(error), status=422, param="body") from error
    return emulator.requested_faults


async def clear_faults(emulator: Current) -> object:
    """Switch all faults off and send the held deliveries."""
    emulator.set_faults({})
    return {}


async def list_deliveries(request: Request, emulator: Current) -> Json:
    """List all attempts, oldest first. `?event=`, `?type=` and `?object=` are filters."""
    deliverer = emulator.deliverer
    filters = {name: value for name, value in request.query_params.items() if name in ("event", "type", "object")}
    data = [row for row in deliverer.attempt_log if all(row[name] == value for name, value in filters.items())]
    return {"object": "list", "states": deliverer.states, "attempts": deliverer.attempts, "data": data}


async def retry_deliveries(emulator: Current) -> Json:
    """Retry all deliveries that wait for their next attempt."""
    return {"retried": emulator.deliverer.retry_now()}


async def set_secrets(request: Request, emulator: Current, endpoint_id: str) -> Json:
    """Replace the signing secrets of a webhook endpoint."""
    store, body = emulator.account.store, await _body(request, SecretsBody)
    endpoint = store.get("webhook_endpoint", endpoint_id)
    store.secrets[endpoint["id"]] = tuple(body.secrets)
    return {"id": endpoint["id"], "secrets": len(body.secrets)}


async def pay_session(request: Request, emulator: Current, session_id: str) -> Json:
    """Pay as the customer would, and wait for the merchant as the pay page does."""
    session, body = emulator.account.store.get("checkout.session", session_id), await _body(request, PayBody)
    payment.pay(emulator, session, PaymentForm(cardnumber=body.card, **body.model_dump(exclude={"card", "wait"})))
    answered = await payment.wait_for_merchant(emulator, session) if body.wait else None
    shown = {name: session[name] for name in ("status", "payment_status", "payment_intent")}
    return {"id": session_id} | shown | {"redirect_url": checkout.success_url(session), "merchant_answered": answered}


async def settle_session(emulator: Current, session_id: str, result: str = "") -> Json:
    """End a delayed payment now: `?result=succeeded` or `?result=failed`."""
    account = emulator.account
    if result not in ("succeeded", "failed"):
        raise errors.invalid("result must be succeeded or failed", "result")
    session = account.store.get("checkout.session", session_id)
    if session["payment_intent"] not in account.store.settlements:
        raise errors.unexpected_state("This session has no delayed payment to settle.", "nothing_to_settle")
    checkout.settle(account, account.store.get("payment_intent", session["payment_intent"]), result)
    return session


async def open_dispute(request: Request, emulator: Current) -> Json:
    """Dispute a payment."""
    account, body = emulator.account, await _body(request, DisputeBody)
    intent = account.store.get("payment_intent", body.payment_intent, "payment_intent")
    return disputes.open_dispute(account, intent, body.reason, inquiry=body.inquiry, amount=body.amount)


async def close_dispute(emulator: Current, dispute_id: str, status: str = "") -> Json:
    """Close a dispute: `?status=won` or `?status=lost`."""
    account = emulator.account
    if status not in ("won", "lost"):
        raise errors.invalid("status must be won or lost", "status")
    dispute = account.store.get("dispute", dispute_id)
    disputes.close(account, dispute, status)
    return dispute


async def fail_refund(emulator: Current, refund_id: str) -> Json:
    """Make a refund fail."""
    account = emulator.account
    refund = account.store.get("refund", refund_id)
    refunds.fail(account, refund)
    return refund


async def resend_event(emulator: Current, event_id: str) -> Json:
    """Deliver an event again to all its subscribers."""
    account = emulator.account
    return {"event": event_id, "deliveries": account.resend(account.store.get("event", event_id))}


async def advance(request: Request, emulator: Current) -> Json:
    """Move the clock ahead, then settle the payments and expire the sessions that are due."""
    account, body = emulator.account, await _body(request, AdvanceBody)
    account.clock.ahead += body.seconds
    checkout.run_due(account)
    return {"now": account.now(), "ahead": account.clock.ahead}


async def reset(app: CurrentApp) -> Json:
    """Delete everything: objects, events, deliveries, faults and the clock's offset, as a restart does."""
    emulator = app.emulator
    app.emulator = build(emulator.settings, emulator.send)
    await emulator.deliverer.close()
    return {"status": "ok"}


async def _body(request: Request, model: type[B]) -> B:
    try:
        return model.model_validate(await _json(request))
    except ValidationError as error:
        first = problems(error)[0]
        raise (errors.unknown(first.path) if first.is_unknown else errors.invalid(str(first), first.path)) from error


async def _json(request: Request) -> Json:
    try:
        body = await request.json() if await request.body() else {}
    except ValueError as error:
        raise StripeApiError(f"The body is not JSON: {error}", status=422, param="body") from error
    if not isinstance(body, dict):
        raise StripeApiError("The body must be a JSON object.", status=422, param="body")
    return body
