"""Controls payments, refunds, disputes and early fraud warnings."""

from fastapi import Request

from stripe_emulator.controls.bodies import (
    AuthenticationBody,
    CloseQuery,
    DisputeBody,
    DisputeStatusBody,
    FailureBody,
    PayBody,
    SettleQuery,
    WarningBody,
    read_body,
    read_query,
)
from stripe_emulator.emulator import Current, Emulator
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments import checkout, disputes, early_fraud_warnings, refunds
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json

SHOWN = ("status", "payment_status", "payment_intent", "setup_intent", "subscription")


async def pay_session(request: Request, emulator: Current, session_id: str) -> Json:
    """Pay as the customer would, and wait for the merchant as the pay page does."""
    session, body = emulator.account.store.get("checkout.session", session_id), await read_body(request, PayBody)
    payment.pay(emulator, session, PaymentForm(cardnumber=body.card, **body.model_dump(exclude={"card", "wait"})))
    return await _paid(emulator, session, wait=body.wait)


async def authenticate(request: Request, emulator: Current, object_id: str) -> Json:
    """End the 3D Secure authentication of a session, a PaymentIntent or a SetupIntent, as its page does."""
    account, body = emulator.account, await read_body(request, AuthenticationBody)
    thing = account.store.find(object_id)
    if thing is None:
        raise errors.no_such("payment", object_id)
    intent = checkout.intent_of(account, thing) if thing["object"] == "checkout.session" else thing
    if intent is None or "next_action" not in intent:
        raise errors.unexpected_state(f"{object_id} waits for no authentication.", "nothing_to_authenticate")
    payment.authenticate(emulator, intent, body.result)
    session_id = account.store.session_of.get(intent["id"])
    if session_id is None:
        return intent
    return await _paid(emulator, account.store.get("checkout.session", session_id), wait=body.wait)


async def _paid(emulator: Emulator, session: Json, *, wait: bool) -> Json:
    """Return what a payment led to, after the merchant's answer if the session is complete."""
    intent = checkout.intent_of(emulator.account, session)
    answered = await payment.wait_for_merchant(emulator, session) if wait and session["status"] == "complete" else None
    shown = {name: session[name] for name in SHOWN} | {"next_action": intent["next_action"] if intent else None}
    answer = {"id": session["id"]} | shown | {"redirect_url": checkout.success_url(session)}
    return answer | {"merchant_answered": answered}


async def settle_session(request: Request, emulator: Current, session_id: str) -> Json:
    """End a delayed payment now: `?result=succeeded` or `?result=failed`."""
    account, query = emulator.account, read_query(request, SettleQuery)
    session = account.store.get("checkout.session", session_id)
    intent_id = account.store.orders[session_id].payment_intent
    if intent_id is None or intent_id not in account.store.settlements:
        raise errors.unexpected_state("This session has no delayed payment to settle.", "nothing_to_settle")
    checkout.settle(account, account.store.get("payment_intent", intent_id), query.result)
    return session


async def open_dispute(request: Request, emulator: Current) -> Json:
    """Dispute a payment."""
    account, body = emulator.account, await read_body(request, DisputeBody)
    intent = account.store.get("payment_intent", body.payment_intent, "payment_intent")
    return disputes.open_dispute(
        account, intent, body.reason, inquiry=body.inquiry, amount=body.amount, status=body.status
    )


async def close_dispute(request: Request, emulator: Current, dispute_id: str) -> Json:
    """Close a dispute: `?status=won` or `?status=lost`."""
    account, query = emulator.account, read_query(request, CloseQuery)
    dispute = account.store.get("dispute", dispute_id)
    disputes.close(account, dispute, query.status)
    return dispute


async def move_dispute(request: Request, emulator: Current, dispute_id: str) -> Json:
    """Move a dispute to any status."""
    account, body = emulator.account, await read_body(request, DisputeStatusBody)
    dispute = account.store.get("dispute", dispute_id)
    disputes.move(account, dispute, body.status, body.due_by)
    return dispute


async def create_warning(request: Request, emulator: Current) -> Json:
    """Create an early fraud warning for a payment."""
    account, body = emulator.account, await read_body(request, WarningBody)
    intent = account.store.get("payment_intent", body.payment_intent, "payment_intent")
    return early_fraud_warnings.create(account, intent, body.fraud_type)


async def fail_refund(request: Request, emulator: Current, refund_id: str) -> Json:
    """Make a refund fail."""
    account, body = emulator.account, await read_body(request, FailureBody)
    refund = account.store.get("refund", refund_id)
    refunds.fail(account, refund, body.reason)
    return refund


async def succeed_refund(emulator: Current, refund_id: str) -> Json:
    """Make a pending refund succeed."""
    refund = emulator.account.store.get("refund", refund_id)
    refunds.succeed(emulator.account, refund)
    return refund


async def cancel_refund(emulator: Current, refund_id: str) -> Json:
    """Cancel a refund that has not succeeded."""
    refund = emulator.account.store.get("refund", refund_id)
    refunds.cancel(emulator.account, refund)
    return refund


async def require_refund_action(emulator: Current, refund_id: str) -> Json:
    """Make a pending refund wait for the customer."""
    refund = emulator.account.store.get("refund", refund_id)
    refunds.require_action(emulator.account, refund)
    return refund
