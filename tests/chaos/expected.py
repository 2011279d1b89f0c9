"""Derives the expected state of each payment's record from Stripe's objects, without the code of the services.

It reads the final sessions, charges, refunds and disputes. It ignores events and their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]


class PaymentRequest(NamedTuple):
    """A payment as its caller requested it; `session_id` is the session of its current link."""

    payment_id: str
    amount: int
    currency: str
    session_id: str


class RecordState(NamedTuple):
    """The fields of a record that depend on Stripe; `intent` is the PaymentIntent that paid."""

    status: str
    reason: str | None = None
    intent: str | None = None
    refunded: int = 0
    dispute: str = "none"


class StripeObjects(NamedTuple):
    """The objects of one Stripe account, each list oldest first."""

    sessions: Sequence[Json]
    intents: Sequence[Json]
    charges: Sequence[Json]
    refunds: Sequence[Json]
    disputes: Sequence[Json]
    event_ids: frozenset[str]


_DISPUTE_STATUSES: Mapping[str, str] = {
    "needs_response": "open",
    "warning_needs_response": "open",
    "under_review": "review",
    "warning_under_review": "review",
    "won": "won",
    "warning_closed": "won",
    "lost": "lost",
}


def expected_states(requests: Sequence[PaymentRequest], stripe: StripeObjects) -> dict[str, RecordState]:
    """The state that each payment's record must have, by payment id."""
    sessions = _by(stripe.sessions, "client_reference_id")
    intents = {intent["id"]: intent for intent in stripe.intents}
    charges, refunds, disputes = (
        _by(objects, "payment_intent") for objects in (stripe.charges, stripe.refunds, stripe.disputes)
    )
    states = {}
    for request in requests:
        own = sessions[request.payment_id]
        used = [session["payment_intent"] for session in own if session["payment_intent"]]
        status = _status(request, own, intents, [charge for intent in used for charge in charges[intent]])
        own_disputes = [dispute for intent in used for dispute in disputes[intent]]
        states[request.payment_id] = status._replace(
            refunded=sum(refund["amount"] for intent in used for refund in refunds[intent]),
            dispute=_DISPUTE_STATUSES[own_disputes[0]["status"]] if own_disputes else "none",
        )
    return states


def _status(
    request: PaymentRequest, sessions: Sequence[Json], intents: Mapping[str, Json], charges: Sequence[Json]
) -> RecordState:
    paid = [session for session in sessions if session["status"] == "complete" and session["payment_status"] == "paid"]
    if paid:
        return _paid(request, paid)
    current = next(session for session in sessions if session["id"] == request.session_id)
    if current["status"] == "complete":
        processing = intents[current["payment_intent"]]["status"] == "processing"
        return RecordState("pending", "awaiting_funds") if processing else RecordState("failed", "async_payment_failed")
    if current["status"] == "expired":
        return RecordState("expired")
    declines = [_decline(charge) for charge in charges if charge["status"] == "failed"]
    return RecordState("failed", max(declines)) if declines else RecordState("pending")


def _paid(request: PaymentRequest, paid: Sequence[Json]) -> RecordState:
    payers = {session["payment_intent"] for session in paid}
    if len(payers) > 1:
        return RecordState("completed", "paid_twice", min(payers))
    if paid[0]["currency"] != request.currency.lower():
        return RecordState("pending", "currency_mismatch", min(payers))
    if paid[0]["amount_total"] != request.amount:
        return RecordState("pending", "amount_mismatch", min(payers))
    return RecordState("completed", None, min(payers))


def _decline(charge: Json) -> str:
    code, reason = charge["failure_code"], charge["outcome"]["reason"]
    return code if code == reason else f"{code}:{reason}"


def _by(objects: Iterable[Json], field: str) -> Mapping[str, list[Json]]:
    groups: Mapping[str, list[Json]] = defaultdict(list)
    for item in objects:
        groups[item[field]].append(item)
    return groups
