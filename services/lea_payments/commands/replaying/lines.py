"""Describes the events of a replay, one line each; pure."""

from lea_payments.commands.amounts import amount_text, time_of
from lea_payments.payment.event import Outcome, PaymentEvent


def unmatched(event: PaymentEvent) -> str:
    """Names an event that belongs to no payment here: its id, type, objects and amount."""
    fact = event.fact
    objects = dict.fromkeys(filter(None, (event.object_id, event.session_id, *event.intent_ids)))
    amount = [] if fact.amount is None else [amount_text(fact.amount, fact.currency or event.currency)]
    created = [f"created {time_of(event.created)}"]
    return f"{event.id}: {', '.join([event.type, *objects, *amount, *created])}: no payment here"


def other_change(outcome: Outcome, event: PaymentEvent) -> str:
    """The change of a fact that changes no field which `field_changes` names."""
    needs_person = ": a person must review it" if outcome is Outcome.REVIEW else ""
    return f"{event.object_id} is {event.fact.state}{needs_person}"
