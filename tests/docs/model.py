"""Generates the tables and diagrams of events, facts and situations from the code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lea_payments.payment import facts, situations
from lea_payments.payment.facts import STATES, Kind
from lea_payments.payment.situations import DISPUTES, RULES, CanPay, Situation
from lea_payments.store import table
from lea_payments.stripe.events import EVENT_TYPES, OPTIONAL_EVENT_TYPES, REQUIRED_EVENT_TYPES

ANY_STATE = ()


class Meaning(NamedTuple):
    """What an event type says: a fact of this kind in one of these states, or in any state of the kind."""

    kind: Kind
    states: Sequence[str]
    note: str = ""


MEANINGS: Mapping[str, Meaning] = {
    "checkout.session.completed": Meaning(Kind.SESSION, (facts.UNPAID, facts.PAID), "by the session's payment status"),
    "checkout.session.async_payment_succeeded": Meaning(Kind.SESSION, (facts.PAID,)),
    "checkout.session.async_payment_failed": Meaning(Kind.SESSION, (facts.FAILED,)),
    "checkout.session.expired": Meaning(Kind.SESSION, (facts.EXPIRED,)),
    "payment_intent.payment_failed": Meaning(Kind.INTENT, (facts.DECLINED,)),
    "refund.created": Meaning(Kind.REFUND, ANY_STATE),
    "refund.updated": Meaning(Kind.REFUND, ANY_STATE),
    "refund.failed": Meaning(Kind.REFUND, (facts.FAILED,)),
    "charge.refunded": Meaning(
        Kind.CHARGE, (facts.REFUNDED,), "only a running total: it counts while no refund is known by its id"
    ),
    "charge.dispute.created": Meaning(Kind.DISPUTE, ANY_STATE),
    "charge.dispute.updated": Meaning(Kind.DISPUTE, ANY_STATE),
    "charge.dispute.closed": Meaning(Kind.DISPUTE, ANY_STATE),
    "radar.early_fraud_warning.created": Meaning(Kind.WARNING, ANY_STATE),
    "radar.early_fraud_warning.updated": Meaning(Kind.WARNING, ANY_STATE),
    "charge.succeeded": Meaning(
        Kind.CHARGE, (facts.SUCCEEDED,), "only how the customer paid: the session decides whether. Optional"
    ),
}

KEPT: Mapping[Kind, str] = {
    Kind.SESSION: "amount, currency, PaymentIntent, attempt",
    Kind.INTENT: "decline code, attempt",
    Kind.CHARGE: "refunded total, PaymentIntent, payment method with brand and last four digits",
    Kind.REFUND: "amount, PaymentIntent",
    Kind.DISPUTE: "amount, PaymentIntent, due date of the evidence",
    Kind.WARNING: "PaymentIntent",
}
CAN_PAY: Mapping[CanPay, str] = {
    CanPay.NO: "no",
    CanPay.WITH_NEW_LINK: "with a new link",
    CanPay.YES: "yes",
}
REASONS: Mapping[Situation, str] = {
    Situation.PAID_TWICE: "`paid_twice`",
    Situation.MISMATCH: "`amount_mismatch` or `currency_mismatch`",
    Situation.AWAITING_FUNDS: "`awaiting_funds`",
    Situation.CANCELED: "`canceled`",
    Situation.ASYNC_FAILED: "`async_payment_failed`",
    Situation.DECLINED: "the decline code",
}
REVIEWS: Mapping[str, str] = {
    situations.AMOUNT_MISMATCH: "the customer paid another amount",
    situations.CURRENCY_MISMATCH: "the customer paid in another currency",
    situations.PAID_TWICE: "the customer paid twice; refunding one of the two in full resolves it",
    situations.FRAUD_WARNING: "the card's bank warns that the payment is fraudulent; a full refund resolves it",
    situations.TOO_MANY_OBJECTS: f"Stripe has more than {facts.OBJECT_LIMIT} objects for the payment",
}


def table_of(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(str(cell) for cell in row)} |".replace("|  |", "| |") for row in rows)


def event_types() -> Iterator[str]:
    """The event types that the services need."""
    yield from (f"- `{name}`" for name in REQUIRED_EVENT_TYPES)


def facts_section() -> Iterator[str]:
    """The states of each kind of object, as a table and as a diagram."""
    rows = ((kind, " < ".join(f"`{state}`" for state in states), KEPT[Kind(kind)]) for kind, states in STATES.items())
    yield from table_of(("kind", "states, in order of precedence", "also kept"), rows)
    yield ""
    yield "```mermaid"
    yield "flowchart LR"
    for kind, states in STATES.items():
        if len(states) > 1:
            yield "    " + " --> ".join(f'{kind}-{state}["{kind}<br/>{state}"]' for state in states)
    yield "```"


def situations_section() -> Iterator[str]:
    """The situations of a payment, as a table and as a diagram."""
    rows = (
        (
            number,
            rule.condition,
            f"`{rule.status}`",
            REASONS.get(situation, ""),
            CAN_PAY[rule.can_pay],
            "yes" if rule.final else "no",
        )
        for number, (situation, rule) in enumerate(RULES.items(), 1)
    )
    head = ("", "condition", "`payment_status`", "`status_reason`", "can the customer still pay?", "final")
    yield from table_of(head, rows)
    yield ""
    yield "```mermaid"
    yield "flowchart LR"
    for number, (situation, rule) in enumerate(RULES.items(), 1):
        yield f'    {situation}["{number}. {situation}"] --> {rule.status}-status["{rule.status}"]'
    yield "```"


def events_page() -> Iterator[str]:
    """The event types that the services use, and what each of them says."""
    yield "# Events"
    yield ""
    yield "Each event that the services use is translated into one fact about one of Stripe's objects."
    yield "[Architecture](../architecture.md#a-payment-is-a-set-of-facts) explains what follows from the facts."
    optional = ", ".join(f"`{name}`" for name in OPTIONAL_EVENT_TYPES)
    yield f"Subscribe the webhook endpoint to exactly these types. Only {optional} is optional: with it, the pages show"
    yield "how the customer paid. It costs one more write per payment."
    yield ""
    rows = ((f"`{name}`", f"`{object_type}`", *_meaning(name)) for name, object_type in EVENT_TYPES.items())
    yield from table_of(("event type", "object", "fact", "state"), rows)


def _meaning(event_type: str) -> Iterator[str]:
    meaning = MEANINGS[event_type]
    yield meaning.kind
    states = " or ".join(f"`{state}`" for state in meaning.states) or f"the {meaning.kind}'s state"
    yield f"{states}, {meaning.note}" if meaning.note else states


def states_page() -> Iterator[str]:
    """The statuses and reasons of a payment, and its published fields."""
    yield "# States of a payment"
    yield ""
    yield "The status follows from the facts: the first condition that is true decides."
    yield "[Architecture](../architecture.md#the-status-follows-from-the-facts) explains why."
    yield ""
    yield from situations_section()
    yield ""
    yield "## Reasons that need a person"
    yield ""
    yield from table_of(("`status_reason`", "when"), ((f"`{reason}`", when) for reason, when in REVIEWS.items()))
    yield ""
    yield "## Disputes"
    yield ""
    yield "`dispute_status` is the worst status of all disputes of the payment:"
    yield f"{' before '.join(f'`{status}`' for status in situations.WORST_DISPUTES)}. Without a dispute it is `none`. A"
    yield "status of Stripe that is not in this table counts as `open`."
    yield ""
    yield from table_of(
        ("Stripe's status", "`dispute_status`"), ((f"`{one}`", f"`{status}`") for one, status in DISPUTES.items())
    )
    yield ""
    yield "## Published fields"
    yield ""
    yield from (f"- `{name}`" for name in table.PUBLISHED_FIELDS)
