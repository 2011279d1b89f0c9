"""Says which facts of a record could not be compared with Stripe's objects; pure."""

from collections.abc import Mapping, Sequence

from lea_payments.commands.at_stripe.observation import Observation
from lea_payments.payment import facts
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment


def not_compared(record: Payment, observation: Observation) -> Sequence[str]:
    """What could not be compared, one sentence each."""
    at_stripe: Mapping[str, Fact] = {event.object_id: event.fact for event in observation.events}
    sentences = [
        f"{object_id}: {_why_not(object_id)}"
        for object_id, fact in record.facts.items()
        if object_id not in at_stripe and not _was_read(object_id, fact, record, observation)
    ]
    known = {**record.facts, **at_stripe}
    sentences += [
        f"{object_id}: this version does not know the state {fact.state}"
        for object_id, fact in known.items()
        if fact.kind in facts.STATES and not facts.is_known_state(fact)
    ]
    if facts.OVERFLOW_ID in record.facts:
        sentences.append(f"the record keeps {facts.OBJECT_LIMIT} objects and has lost others: see Stripe's dashboard")
    return sentences


def _was_read(object_id: str, fact: Fact, record: Payment, observation: Observation) -> bool:
    """Whether Stripe was asked about the object, or nothing depends on it."""
    if object_id in observation.objects or object_id in observation.missing:
        return True
    if fact.kind == Kind.CHARGE:
        return is_replaced(record, fact)
    return object_id == facts.OVERFLOW_ID or (fact.kind, fact.intent) in observation.lists


def is_replaced(record: Payment, charge: Fact) -> bool:
    """Whether refunds that are known by their ids replace the total of this charge."""
    return any(fact.kind == Kind.REFUND and fact.intent == charge.intent for fact in record.facts.values())


def _why_not(object_id: str) -> str:
    if object_id.startswith("by_hand") or "unknown" in object_id:
        return "it stands for fields that no event wrote, so Stripe has no object for it"
    if ":" in object_id:
        return "it has no id at Stripe"
    return "it was not read from Stripe"
