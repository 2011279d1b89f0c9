"""Compares the facts of a record with Stripe's objects, and says what repairs each difference."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lea_payments.commands.amounts import amount_text, time_of
from lea_payments.commands.at_stripe.observation import Observation
from lea_payments.commands.field_changes import field_changes
from lea_payments.payment import changes, facts
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.evidence import NEVER_MATCHES
from lea_payments.payment.facts import Fact, Kind, is_lost_again
from lea_payments.payment.payers import BY_HAND
from lea_payments.payment.record import Payment
from lea_payments.store.repairs import EVENTS_HOURS, OBJECTS_HOURS, WAITING_DAYS

LISTED_KINDS = (Kind.REFUND, Kind.DISPUTE, Kind.WARNING)
"""The objects of which Stripe lists all that belong to a PaymentIntent."""

COMPARED_FIELDS = ("amount", "currency", "intent", "attempt", "due", "method")
"""The fields of a fact that Stripe's object must have, besides its state. Of several decline codes one is kept."""

DETAILS = ("amount", "currency", "intent", "attempt", "method")
"""The compared fields that version 0.1.0 did not store: without them, a fact is right if the published fields are."""

REPLAY_DAYS = 30
"""How long Stripe keeps events."""

BY_A_PERSON = "no event repairs this: compare the history with Stripe's dashboard, and let a person decide"


EXPIRE_SESSION = "expire the session in Stripe's dashboard, so that nobody can pay it"


class Difference(NamedTuple):
    """One difference between the record and Stripe, and its remedy."""

    what: str
    remedy: str


class _Compared(NamedTuple):
    """A fact of Stripe's that differs from the record, and what it would change: None if it cannot change anything."""

    event: PaymentEvent
    text: str
    effect: str | None
    is_detail: bool


def differences(record: Payment, observation: Observation, now: float) -> Sequence[Difference]:
    """Everything that differs between the record and Stripe; `now` is in seconds since 1970."""
    return [
        *_inconsistent_fields(record),
        *_missing_objects(observation),
        *_different_facts(record, observation, now),
        *_facts_without_object(record, observation),
        *_unknown_payers(record, observation),
        *_open_sessions(record, observation),
    ]


def notes(record: Payment, observation: Observation) -> Sequence[str]:
    """The details of Stripe's objects that the record does not have, and that change nothing."""
    return [
        f"{each.event.object_id}: {each.text}; the published fields do not depend on it"
        for each in _compared(record, observation)
        if each.is_detail
    ]


def _inconsistent_fields(record: Payment) -> Iterator[Difference]:
    """The published fields that do not follow from the facts, as after an edit by hand."""
    if text := field_changes(record, changes.derive(record)):
        yield Difference(
            f"the published fields do not follow from the facts: {text}",
            "the next event that changes the payment repairs them; until then a person can edit the record",
        )


def _missing_objects(observation: Observation) -> Iterator[Difference]:
    for object_id in sorted(observation.missing):
        yield Difference(
            f"Stripe has no {object_id}",
            "check that STRIPE_SECRET_KEY belongs to the account and mode in which the payment was created",
        )


def _different_facts(record: Payment, observation: Observation, now: float) -> Iterator[Difference]:
    """The facts of Stripe's that the record does not have, or has in another state."""
    for event, text, effect, is_detail in _compared(record, observation):
        if is_detail:
            continue
        if effect is None:
            repairs = is_lost_again(record.facts.get(event.object_id), event.fact)
            remedy = _remedy(record, event, observation, now) if repairs else BY_A_PERSON
            yield Difference(f"{event.object_id}: {text}", f"an event cannot change this back; {remedy}")
            continue
        what = f"{event.object_id}: {text}; {effect or 'the published fields stay'}"
        yield Difference(what, _remedy(record, event, observation, now))


def with_stripe(record: Payment, observation: Observation) -> Payment:
    """The record as it would be with everything that Stripe has."""
    current = changes.derive(record)
    for event in observation.events:
        current = changes.apply(current, event, "").after or current
    return current


def _compared(record: Payment, observation: Observation) -> Iterator[_Compared]:
    """The facts that differ; each effect follows those of the facts before it."""
    current = record
    for event in observation.events:
        known = record.facts.get(event.object_id)
        text = _missing(event.fact) if known is None else _comparison(known, event.fact, record.currency)
        if not text:
            continue
        applied = changes.apply(current, event, "")
        outcome, after = applied.outcome, applied.after
        if outcome not in CHANGES or after is None:
            yield _Compared(event, text, None, is_detail=False)
            continue
        effect = field_changes(current, after)
        current = after
        is_detail = known is not None and not effect and _lacks_details(known, event.fact)
        yield _Compared(event, text, effect, is_detail)


def _missing(fact: Fact) -> str:
    return f"Stripe has {fact.state}, and it is missing here"


def _comparison(known: Fact, fact: Fact, requested: str | None) -> str:
    """The different fields; empty if there are none."""
    fields = _different_fields(known, fact)
    currency = fact.currency or known.currency or requested
    return ", ".join(
        f"the record has {name}{_value(name, ours, currency)}, Stripe has {_value(name, theirs, currency)}"
        for name, ours, theirs in fields
    )


def _lacks_details(known: Fact, fact: Fact) -> bool:
    """Whether the fact differs only in details that the record does not have."""
    fields = _different_fields(known, fact)
    return all(name.strip() in DETAILS and ours in (None, NEVER_MATCHES) for name, ours, _ in fields)


def _different_fields(known: Fact, fact: Fact) -> Sequence[tuple[str, object, object]]:
    """The name of each field that differs, which is empty for the state, and its value here and at Stripe."""
    pairs = [("", facts.LOST if known.state == facts.APPEAL_LOST else known.state, fact.state)]
    pairs += [(f"{name} ", getattr(known, name), getattr(fact, name)) for name in COMPARED_FIELDS]
    return [(name, ours, theirs) for name, ours, theirs in pairs if theirs is not None and ours != theirs]


def _value(name: str, value: Any, currency: str | None) -> str:
    if value in (None, NEVER_MATCHES):
        return "none"
    if name == "due ":
        return time_of(value)
    return amount_text(value, currency) if name == "amount " and currency else str(value)


def _facts_without_object(record: Payment, observation: Observation) -> Iterator[Difference]:
    """The facts that Stripe's objects do not confirm, although Stripe was asked for them."""
    at_stripe = {event.object_id: event.fact for event in observation.events}
    for object_id, fact in record.facts.items():
        if object_id in at_stripe or object_id in observation.missing:
            continue
        if object_id == BY_HAND and fact.state == facts.PAID:
            if not any(other.state == facts.PAID for other in at_stripe.values()):
                yield Difference(
                    "the record is completed, but no session is paid at Stripe",
                    "another session was paid, or the record was changed by hand: compare stripe_payment_intent and "
                    "history",
                )
        elif fact.kind == Kind.SESSION and object_id in observation.objects:
            yield Difference(f"{object_id}: the record has {fact.state}, Stripe's session is open", BY_A_PERSON)
        elif (fact.kind, fact.intent) in observation.lists:
            yield Difference(f"{object_id}: the record has {fact.state}, Stripe does not list it", BY_A_PERSON)


def _unknown_payers(record: Payment, observation: Observation) -> Iterator[Difference]:
    """The PaymentIntents that succeeded, although no session is known that was paid with them."""
    known = [*record.facts.values(), *(event.fact for event in observation.events)]
    paid = {fact.intent for fact in known if (fact.kind, fact.state) == (Kind.SESSION, facts.PAID)}
    for intent_id in sorted(set(observation.succeeded) - paid):
        yield Difference(
            f"{intent_id}: Stripe has succeeded, and no paid session of it is known",
            f"find its session in Stripe's dashboard; {BY_A_PERSON}",
        )


def _open_sessions(record: Payment, observation: Observation) -> Iterator[Difference]:
    """The sessions of a canceled payment that the customer can still pay."""
    for session_id in sorted(observation.open_sessions) if record.canceled_at is not None else ():
        yield Difference(f"{session_id}: the payment is canceled, and Stripe's session is open", EXPIRE_SESSION)


def _remedy(record: Payment, event: PaymentEvent, observation: Observation, now: float) -> str:
    replay = f"run lea-payments replay --since {REPLAY_DAYS}d --payment {record.payment_intent_id}"
    undelivered_at = observation.undelivered.get(event.object_id, 0)
    is_listed = _is_younger(event.created, OBJECTS_HOURS, now) or _is_younger(undelivered_at, EVENTS_HOURS, now)
    if is_listed or _is_waiting(record, event, now):
        return "the next run of the reconciler repairs it"
    if _is_younger(max(event.created, undelivered_at), REPLAY_DAYS * 24, now):
        return f"the reconciler reads only the objects of the last {OBJECTS_HOURS} hours: {replay}"
    if event.fact.kind in LISTED_KINDS and event.object_id in record.facts:
        # The object is older than its last event.
        return f"{replay}; if that finds nothing, its event is older than {REPLAY_DAYS} days: {BY_A_PERSON}"
    return f"no command can read this: its event is older than {REPLAY_DAYS} days; {BY_A_PERSON}"


def _is_younger(created: int, hours: int, now: float) -> bool:
    return created >= now - timedelta(hours=hours).total_seconds()


def _is_waiting(record: Payment, event: PaymentEvent, now: float) -> bool:
    """Whether the reconciler reads this session because its payment waits for money."""
    known = record.facts.get(event.object_id)
    first_day = (datetime.fromtimestamp(now, UTC) - timedelta(days=WAITING_DAYS)).date().isoformat()
    return (
        known is not None
        and (known.kind, known.state) == (Kind.SESSION, facts.UNPAID)
        and (record.awaiting_funds_on or "") >= first_day
    )
