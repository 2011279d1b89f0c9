"""What Stripe's objects demand of a payment's record: design and README in other words; uses nothing of the service.

It looks at sessions, charges, refunds and disputes as they are in the end, never at events or their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]


class Asked(NamedTuple):
    """A payment as its caller asked for it; `session_id` is the session that its link leads to."""

    payment_id: str
    amount: int
    currency: str
    session_id: str


class State(NamedTuple):
    """What a record says of all that Stripe decides; `intent` is Stripe's PaymentIntent that paid."""

    status: str
    reason: str | None = None
    intent: str | None = None
    refunded: int = 0
    dispute: str = "none"


class Stripe(NamedTuple):
    """All objects of one account that matter, each list oldest first."""

    sessions: Sequence[Json]
    intents: Sequence[Json]
    charges: Sequence[Json]
    refunds: Sequence[Json]
    disputes: Sequence[Json]
    event_ids: frozenset[str]


_VERDICTS: Mapping[str, str] = {
    "needs_response": "open",
    "warning_needs_response": "open",
    "under_review": "review",
    "warning_under_review": "review",
    "won": "won",
    "warning_closed": "won",
    "lost": "lost",
}


def demands(asked: Sequence[Asked], stripe: Stripe) -> dict[str, State]:
    """What each payment's record must say, by our own id of the payment."""
    sessions = _by(stripe.sessions, "client_reference_id")
    intents = {intent["id"]: intent for intent in stripe.intents}
    charges, refunds, disputes = (
        _by(objects, "payment_intent") for objects in (stripe.charges, stripe.refunds, stripe.disputes)
    )
    found = {}
    for one in asked:
        own = sessions[one.payment_id]
        tried = [session["payment_intent"] for session in own if session["payment_intent"]]
        status = _status(one, own, intents, [charge for intent in tried for charge in charges[intent]])
        found[one.payment_id] = status._replace(
            refunded=sum(refund["amount"] for intent in tried for refund in refunds[intent]),
            dispute=next((_VERDICTS[dispute["status"]] for intent in tried for dispute in disputes[intent]), "none"),
        )
    return found


def _status(asked: Asked, sessions: Sequence[Json], intents: Mapping[str, Json], charges: Sequence[Json]) -> State:
    paid = [session for session in sessions if session["status"] == "complete" and session["payment_status"] == "paid"]
    if paid:
        return _paid(asked, paid)
    current = next(session for session in sessions if session["id"] == asked.session_id)
    if current["status"] == "complete":
        waits = intents[current["payment_intent"]]["status"] == "processing"
        return State("pending", "awaiting_funds") if waits else State("failed", "async_payment_failed")
    if current["status"] == "expired":
        return State("expired")
    declines = [_decline(charge) for charge in charges if charge["status"] == "failed"]
    return State("failed", max(declines)) if declines else State("pending")


def _paid(asked: Asked, paid: Sequence[Json]) -> State:
    payers = {session["payment_intent"] for session in paid}
    if len(payers) > 1:
        return State("completed", "paid_twice", min(payers))
    if paid[0]["currency"] != asked.currency.lower():
        return State("pending", "currency_mismatch", min(payers))
    if paid[0]["amount_total"] != asked.amount:
        return State("pending", "amount_mismatch", min(payers))
    return State("completed", None, min(payers))


def _decline(charge: Json) -> str:
    code, why = charge["failure_code"], charge["outcome"]["reason"]
    return code if code == why else f"{code}:{why}"


def _by(objects: Iterable[Json], field: str) -> Mapping[str, list[Json]]:
    groups: Mapping[str, list[Json]] = defaultdict(list)
    for each in objects:
        groups[each[field]].append(each)
    return groups
