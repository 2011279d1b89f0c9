"""The emulator's own controls, under `/_…`: what a test or a demo may force; nothing Stripe itself would offer."""

from typing import Any

from fastapi import FastAPI, Request

from stripe_emulator import emulator
from stripe_emulator.emulator import Emulator
from stripe_emulator.faults import faults
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import Wish
from stripe_emulator.payments import checkout
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import ApiError, Json
from stripe_emulator.state.account import wants
from stripe_emulator.v1 import disputes, refunds

MAX_ADVANCE = 366 * 24 * 3600
WISH_FIELDS = {
    "card": "number",
    "expiry": "expiry",
    "cvc": "cvc",
    "email": "email",
    "method": "method",
    "outcome": "outcome",
    "after_seconds": "after_seconds",
}


def add_routes(app: FastAPI) -> None:
    """Every control."""
    app.add_api_route("/_faults", show_faults, methods=["GET"])
    app.add_api_route("/_faults", set_faults, methods=["PUT"])
    app.add_api_route("/_faults", clear_faults, methods=["DELETE"])
    app.add_api_route("/_deliveries", deliveries, methods=["GET"])
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


async def show_faults(request: Request) -> object:
    """What goes wrong now."""
    return _emulator(request).asked_faults


async def set_faults(request: Request) -> object:
    """Replace what goes wrong."""
    try:
        _emulator(request).set_faults(await _json(request))
    except faults.WrongFaultsError as wrong:
        raise ApiError(str(wrong), status=422, param="body") from wrong
    return await show_faults(request)


async def clear_faults(request: Request) -> object:
    """Let everything work again, and send what is held."""
    _emulator(request).set_faults({})
    return {}


async def deliveries(request: Request) -> Json:
    """Every attempt, oldest first; `?event=`, `?type=` and `?object=` narrow it."""
    deliverer = _emulator(request).deliverer
    wanted = {name: value for name, value in request.query_params.items() if name in ("event", "type", "object")}
    data = [row for row in deliverer.log if all(row[name] == value for name, value in wanted.items())]
    return {"object": "list", "states": deliverer.states, "attempts": deliverer.attempts, "data": data}


async def retry_deliveries(request: Request) -> Json:
    """Try now whatever waits for its next attempt."""
    return {"retried": _emulator(request).deliverer.hurry()}


async def set_secrets(request: Request, endpoint_id: str) -> Json:
    """Sign an endpoint's deliveries with these secrets from now on: `{"secrets": ["whsec_new", "whsec_old"]}`."""
    account, body = _emulator(request).account, await _json(request)
    endpoint = account.store.get("webhook_endpoint", endpoint_id)
    secrets = body.pop("secrets", None)
    if body:
        raise errors.unknown(min(body))
    if not isinstance(secrets, list) or not secrets or not all(isinstance(one, str) and one for one in secrets):
        raise errors.invalid("secrets must be a list of at least one text, the new one first", "secrets")
    account.store.secrets[endpoint["id"]] = tuple(secrets)
    return {"id": endpoint["id"], "secrets": len(secrets)}


async def pay_session(request: Request, session_id: str) -> Json:
    """Pay as the customer would, and wait for the merchant as the page would."""
    one = _emulator(request)
    session = one.account.store.get("checkout.session", session_id)
    body = await _json(request)
    wait = body.pop("wait", True)
    if unknown := body.keys() - WISH_FIELDS.keys():
        raise errors.unknown(min(unknown))
    defaults = {"number": "4242424242424242", "expiry": "12/34", "cvc": "123"}
    payment.pay(one, session, Wish(**defaults | {WISH_FIELDS[name]: str(value) for name, value in body.items()}))
    heard = await payment.wait_for_merchant(one, session) if wait else None
    shown = {name: session[name] for name in ("status", "payment_status", "payment_intent")}
    return {"id": session_id} | shown | {"redirect_url": checkout.success_url(session), "merchant_answered": heard}


async def settle_session(request: Request, session_id: str) -> Json:
    """End a delayed payment now: `?result=succeeded` or `?result=failed`."""
    account, result = _emulator(request).account, _choice(request, "result", ("succeeded", "failed"))
    session = account.store.get("checkout.session", session_id)
    if session["payment_intent"] not in account.store.due:
        raise errors.unexpected_state("This session waits for no delayed payment.", "nothing_to_settle")
    checkout.settle(account, account.store.get("payment_intent", session["payment_intent"]), result)
    return session


async def open_dispute(request: Request) -> Json:
    """Dispute a payment: `{"payment_intent": …}`, and `reason`, `amount`, `inquiry` if wished."""
    account, body = _emulator(request).account, await _json(request)
    intent_id, reason = body.pop("payment_intent", None), body.pop("reason", "fraudulent")
    amount, inquiry = body.pop("amount", None), body.pop("inquiry", False)
    if body:
        raise errors.unknown(min(body))
    if not isinstance(intent_id, str):
        raise errors.missing("payment_intent")
    if not isinstance(reason, str):
        raise errors.invalid("reason must be a word such as fraudulent", "reason")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount < 1):
        raise errors.invalid("amount must be a whole number of minor units", "amount")
    intent = account.store.get("payment_intent", intent_id, "payment_intent")
    return disputes.open_dispute(account, intent, reason, inquiry=inquiry is True, amount=amount)


async def close_dispute(request: Request, dispute_id: str) -> Json:
    """Let the bank decide: `?status=won` or `?status=lost`."""
    account, status = _emulator(request).account, _choice(request, "status", ("won", "lost"))
    dispute = account.store.get("dispute", dispute_id)
    disputes.close(account, dispute, status)
    return dispute


async def fail_refund(request: Request, refund_id: str) -> Json:
    """Let the bank send a refund back."""
    account = _emulator(request).account
    refund = account.store.get("refund", refund_id)
    refunds.fail(account, refund)
    return refund


async def resend_event(request: Request, event_id: str) -> Json:
    """Deliver an event again to everyone who wants it."""
    account = _emulator(request).account
    event = account.store.get("event", event_id)
    listeners = [it for it in account.store.oldest_first("webhook_endpoint") if wants(it, event["type"])]
    account.deliver(event, listeners)
    return {"event": event_id, "deliveries": len(listeners)}


async def advance(request: Request) -> Json:
    """Set the clock ahead by `{"seconds": …}` and do at once what that brings due."""
    account, body = _emulator(request).account, await _json(request)
    seconds = body.pop("seconds", None)
    if body or isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= MAX_ADVANCE:
        raise errors.invalid(f"seconds must be a whole number from 0 to {MAX_ADVANCE}", "seconds")
    account.clock.ahead += seconds
    checkout.run_due(account)
    return {"now": account.now(), "ahead": account.clock.ahead}


async def reset(request: Request) -> Json:
    """Forget everything: objects, events, deliveries, faults, the clock; as after a restart."""
    old = _emulator(request)
    request.app.state.emulator = emulator.build(old.settings, old.send)
    await old.deliverer.close()
    return {"status": "ok"}


def _emulator(request: Request) -> Emulator:
    one: Emulator = request.app.state.emulator
    return one


def _choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    value = request.query_params.get(name, "")
    if value not in allowed:
        raise errors.invalid(f"{name} must be {' or '.join(allowed)}", name)
    return value


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json() if await request.body() else {}
    except ValueError as broken:
        raise ApiError(f"The body is not JSON: {broken}", status=422, param="body") from broken
    if not isinstance(body, dict):
        raise ApiError("The body must be a JSON object.", status=422, param="body")
    return body
