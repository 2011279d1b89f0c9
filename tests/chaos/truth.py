"""Derives the expected record of each payment from Stripe's final objects, without the code of the services."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]


class PaymentRequest(NamedTuple):
    """A payment as its caller requested it; `session_id` is the session of its current link."""

    payment_id: str
    amount: int
    currency: str
    session_id: str


class ObjectFact(NamedTuple):
    """What a record must contain about one object. The amount is in minor units; warnings have none."""

    kind: str
    state: str
    amount: int | None = None


class RecordState(NamedTuple):
    """The fields of a record that depend on Stripe, and its facts by object id; `intent` is the one that paid."""

    status: str
    reason: str | None = None
    session: str | None = None
    intent: str | None = None
    refunded: int = 0
    dispute: str = "none"
    facts: Mapping[str, ObjectFact] = {}


class StripeObjects(NamedTuple):
    """The objects of one Stripe account or of one payment, each list oldest first."""

    sessions: Sequence[Json] = ()
    intents: Sequence[Json] = ()
    charges: Sequence[Json] = ()
    refunds: Sequence[Json] = ()
    disputes: Sequence[Json] = ()
    warnings: Sequence[Json] = ()
    events: Sequence[Json] = ()

    @property
    def ids(self) -> set[str]:
        """The ids of all objects except events."""
        return {item["id"] for objects in self[:-1] for item in objects}

    @property
    def event_ids(self) -> set[str]:
        """The ids of the events that report changes of this account in test mode."""
        return {event["id"] for event in self.events if _is_own(event)}


STATES: Mapping[str, Sequence[str]] = {
    "session": ("expired", "unpaid", "failed", "paid"),
    "refund": ("pending", "requires_action", "succeeded", "canceled", "failed"),
    "dispute": (
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        "lost",
        "appeal_needs_response",
        "appeal_under_review",
        "prevented",
        "won",
    ),
    "warning": ("actionable", "not_actionable"),
}
"""The states of each kind of object, in the order in which an object can pass through them."""

_DISPUTES_BY_STATUS: Mapping[str, Sequence[str]] = {
    "open": ("needs_response", "warning_needs_response", "appeal_needs_response"),
    "review": ("under_review", "warning_under_review", "appeal_under_review"),
    "lost": ("lost",),
    "won": ("won", "warning_closed", "prevented"),
}
"""The disputes with each published status, the worst status first."""


class _Payer(NamedTuple):
    """A paid session. `is_returned` means that its money was refunded in full; `mismatch` is a reason."""

    is_returned: bool
    mismatch: str
    intent: str
    session: str


def expected_states(requests: Sequence[PaymentRequest], stripe: StripeObjects) -> dict[str, RecordState]:
    """The state that each payment's record must have, by payment id."""
    own = objects_by_payment(requests, stripe)
    return {request.payment_id: _state(request, own[request.payment_id]) for request in requests}


def objects_by_payment(requests: Sequence[PaymentRequest], stripe: StripeObjects) -> dict[str, StripeObjects]:
    """The objects of each payment, by payment id. Sessions that save a card belong to no payment."""
    sessions = _by(stripe.sessions, "client_reference_id")
    intents = {intent["id"]: intent for intent in stripe.intents}
    others = [_by(objects, "payment_intent") for objects in stripe[2:-1]]
    events: Mapping[str, list[Json]] = defaultdict(list)
    for event in stripe.events:
        events[event["data"]["object"]["id"]].append(event)
    result = {}
    for request in requests:
        own = [session for session in sessions[request.payment_id] if session.get("mode", "payment") == "payment"]
        used = [session["payment_intent"] for session in own if session["payment_intent"]]
        objects = StripeObjects(
            own,
            [intents[intent] for intent in used if intent in intents],
            *([item for intent in used for item in objects[intent]] for objects in others),
        )
        own_events = [event for object_id in objects.ids for event in events[object_id]]
        result[request.payment_id] = objects._replace(events=own_events)
    return result


def _state(request: PaymentRequest, stripe: StripeObjects) -> RecordState:
    facts = dict(_facts(stripe))
    payers = sorted(_payers(request, stripe, facts))
    state = _paid(payers, stripe) if payers else _unpaid(request, stripe, facts)
    return state._replace(
        refunded=_returned(stripe, state.intent) if state.intent else 0,
        dispute=_dispute_status(stripe),
        facts=facts,
    )


def _facts(stripe: StripeObjects) -> Iterator[tuple[str, ObjectFact]]:
    """The facts about the sessions that ended, and about all refunds, disputes and early fraud warnings."""
    intents = {intent["id"]: intent for intent in stripe.intents}
    for session in stripe.sessions:
        if session["status"] != "open":
            state = _session_state(session, intents)
            yield session["id"], ObjectFact("session", state, session["amount_total"])
    for kind, objects in (("refund", stripe.refunds), ("dispute", stripe.disputes)):
        for item in objects:
            yield item["id"], ObjectFact(kind, item["status"], item["amount"])
    for warning in stripe.warnings:
        yield warning["id"], ObjectFact("warning", "actionable" if warning["actionable"] else "not_actionable")


def _session_state(session: Json, intents: Mapping[str, Json]) -> str:
    if session["status"] == "expired":
        return "expired"
    if session["payment_status"] != "unpaid":
        return "paid"
    return "unpaid" if intents[session["payment_intent"]]["status"] == "processing" else "failed"


def _payers(request: PaymentRequest, stripe: StripeObjects, facts: Mapping[str, ObjectFact]) -> Iterator[_Payer]:
    for session in stripe.sessions:
        if session["id"] in facts and facts[session["id"]].state == "paid":
            intent = session["payment_intent"]
            is_returned = 0 < session["amount_total"] <= _returned(stripe, intent)
            yield _Payer(is_returned, _mismatch(request, session), intent, session["id"])


def _mismatch(request: PaymentRequest, session: Json) -> str:
    """Why the session is not what was requested; empty if it is."""
    if session["currency"] != request.currency.lower():
        return "currency_mismatch"
    return "amount_mismatch" if session["amount_total"] != request.amount else ""


def _returned(stripe: StripeObjects, intent: str) -> int:
    """The sum of the refunds of a PaymentIntent that neither failed nor were canceled."""
    standing = [refund for refund in stripe.refunds if refund["status"] not in ("failed", "canceled")]
    return sum(refund["amount"] for refund in standing if refund["payment_intent"] == intent)


def _paid(payers: Sequence[_Payer], stripe: StripeObjects) -> RecordState:
    """The state of a paid payment. The record names the first payer: money that is still with the merchant first."""
    named = payers[0]
    if all(payer.mismatch for payer in payers):
        reason = max(payer.mismatch for payer in payers)
        return RecordState("pending", reason, named.session, named.intent)
    if sum(not payer.is_returned for payer in payers) > 1:
        return RecordState("completed", "paid_twice", named.session, named.intent)
    returned = {payer.intent for payer in payers if payer.is_returned}
    is_warned = any(warning["actionable"] and warning["payment_intent"] not in returned for warning in stripe.warnings)
    return RecordState("completed", "early_fraud_warning" if is_warned else None, named.session, named.intent)


def _unpaid(request: PaymentRequest, stripe: StripeObjects, facts: Mapping[str, ObjectFact]) -> RecordState:
    """The state of a payment without money. Only the session of the current link can end it."""
    session_states = {fact.state for fact in facts.values() if fact.kind == "session"}
    current = facts[request.session_id].state if request.session_id in facts else "open"
    if "unpaid" in session_states:
        return RecordState("pending", "awaiting_funds", request.session_id)
    if current == "failed":
        return RecordState("failed", "async_payment_failed", request.session_id)
    if current == "expired":
        return RecordState("expired", None, request.session_id)
    former = {session["payment_intent"] for session in stripe.sessions if session["id"] in facts}
    declines = [
        _decline(charge)
        for charge in stripe.charges
        if charge["status"] == "failed" and charge["payment_intent"] not in former
    ]
    if declines:
        return RecordState("failed", max(declines), request.session_id)
    return RecordState("pending", None, request.session_id)


def _decline(charge: Json) -> str:
    code, reason = charge["failure_code"], charge["outcome"]["reason"]
    return code if code == reason else f"{code}:{reason}"


def _dispute_status(stripe: StripeObjects) -> str:
    statuses = {dispute["status"] for dispute in stripe.disputes}
    return next((name for name, states in _DISPUTES_BY_STATUS.items() if statuses & set(states)), "none")


def _is_own(event: Json) -> bool:
    return "account" not in event and "context" not in event and not event.get("livemode")


def _by(objects: Iterable[Json], field: str) -> Mapping[str, list[Json]]:
    groups: Mapping[str, list[Json]] = defaultdict(list)
    for item in objects:
        groups[item[field]].append(item)
    return groups
