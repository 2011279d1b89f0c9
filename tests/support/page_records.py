"""Creates payments in every state that the pages show."""

from collections.abc import Mapping

from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HistoryEntry, Payment, Status

AMOUNT, CURRENCY = 12850, "SGD"
INTENT = "pi_canary"


def _session(state: str, amount: int = AMOUNT, intent: str | None = INTENT) -> Fact:
    return Fact(kind=Kind.SESSION, state=state, amount=amount, currency=CURRENCY.lower(), intent=intent)


def _refund(state: str, amount: int) -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=amount, intent=INTENT)


REFUNDS: Mapping[str, Fact] = {
    "re_1": _refund("succeeded", 2850),
    "re_2": _refund("pending", 1000),
    "re_3": _refund("failed", 500),
}
"""One refund that stands, one that is pending and one that failed."""

CONFIRMED = "2026-11-27T04:31:05.000Z"
"""When the payment reached its status."""

LINK = "https://checkout.stripe.com/c/pay/cs_test_a#fragment"
SESSION = "the session"
STATES: Mapping[str, Mapping[str, Fact]] = {
    "completed": {SESSION: _session("paid")},
    "completed_by_card": {
        SESSION: _session("paid"),
        "ch_1": Fact(kind=Kind.CHARGE, state="succeeded", intent=INTENT, method="card/visa/4242"),
    },
    "refunded": {SESSION: _session("paid"), **REFUNDS},
    "refunded_in_full": {SESSION: _session("paid"), "re_1": _refund("succeeded", AMOUNT)},
    "refund_on_its_way": {SESSION: _session("paid"), "re_1": _refund("pending", AMOUNT)},
    "refund_needs_details": {SESSION: _session("paid"), "re_1": _refund("requires_action", 1000)},
    "free": {SESSION: _session("paid", amount=0, intent=None)},
    "confirming": {},
    "awaiting": {SESSION: _session("unpaid")},
    "review": {SESSION: _session("paid", amount=1)},
    "review_unpaid": {SESSION: _session("paid", amount=0, intent=None)},
    "declined": {INTENT: Fact(kind=Kind.INTENT, state="declined", code="card_declined")},
    "failed": {SESSION: _session("failed")},
    "expired": {SESSION: _session("expired")},
}
"""The facts of a payment in each state. SESSION stands for the session's id."""

CANCELED = {"canceled": "the current session", "canceled_replaced": "a former one"}
"""The states of a payment that was canceled, by the session that the customer opens."""

FORMER = {"failed_replaced": "failed", "expired_replaced": "expired"}
"""The states of a former session whose payment has a newer link."""


def session_id_of(name: str) -> str:
    """The id of the session that a customer opens."""
    return f"cs_test_{name}"


def page_record(name: str, state: str, **fields: str | int | None) -> Payment:
    """A payment whose customer opens the session of this name."""
    session_id = session_id_of(name)
    if state in CANCELED:
        own = {} if state == "canceled" else {"stripe_session_id": f"{session_id}2", "other_session_id": session_id}
        fields = {"canceled_at": CONFIRMED, **own, **fields}
        facts = {session_id: _session("expired")}
    elif state in FORMER:
        fields = {"stripe_session_id": f"{session_id}2", "other_session_id": session_id, **fields}
        facts = {session_id: _session(FORMER[state])}
    else:
        facts = {session_id if key == SESSION else key: fact for key, fact in STATES[state].items()}
    values = {
        "payment_intent_id": f"payment_{name}",
        "user_id": "user_canary",
        "quote_id": "quote_canary",
        "stripe_session_id": session_id,
        "amount": 0 if state == "free" else AMOUNT,
        "currency": CURRENCY,
        "product_name": "Single-trip travel insurance, Japan, 10 days",
        **fields,
    }
    record = changes.derive(Payment(facts=facts, **values))  # type: ignore[arg-type]  # each field has its type
    entry = HistoryEntry("evt_1", "some.type", "applied", Status.PENDING, record.payment_status, CONFIRMED, None)
    return replace(record, history=(entry,))
