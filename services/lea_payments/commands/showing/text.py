"""Shows payments as text for people: the answer first, then money, timeline, objects and record; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from lea_payments.commands import layout
from lea_payments.commands.amounts import plain_time
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.showing import explain
from lea_payments.commands.showing.answer import answer
from lea_payments.commands.showing.next_events import next_events
from lea_payments.commands.showing.notifications import notification_lines
from lea_payments.commands.showing.timeline import timeline
from lea_payments.commands.showing.totals import money_lines
from lea_payments.payment.record import Payment
from lea_payments.store.notifications.items import OutboxState
from lea_payments.text.visible import visible_text
from lea_payments.text.words import counted

_RECORD_FIELDS: Mapping[str, str] = {
    "Payment": "payment_intent_id",
    "User": "user_id",
    "Quote": "quote_id",
    "Product": "product_name",
    "Status": "payment_status",
    "Reason": "status_reason",
    "Session": "stripe_session_id",
    "Session 2": "other_session_id",
    "Intent": "stripe_payment_intent",
    "Attempt": "checkout_attempt",
    "Trace": "traceparent",
    "Version": "version",
}
_TIMES: Mapping[str, str] = {
    "Created": "created_at",
    "Attempt at": "checkout_attempt_at",
    "Canceled": "canceled_at",
    "Last event": "webhook_processed_at",
    "Changed": "updated_at",
}
"""The fields of a record that are shown, by their labels."""


def payment_lines(
    record: Payment, state: StripeState | None, width: int, outbox: OutboxState | None = None, *, what_if: bool
) -> Iterator[Text]:
    """Everything about one payment."""
    yield from _head(record, state, width)
    title = "Money" if state is None else "Money, with what Stripe has"
    yield from _section(title, layout.fields(list(money_lines(state.after if state else record)), width))
    yield from _section("What happened", _timeline(record, width))
    if record.facts:
        yield from _section("Stripe's objects, as the record knows them", _objects(record, width))
    if state is not None:
        yield from _section("Stripe's objects, read just now", _objects_at_stripe(state, width))
        yield from _comparison(state, width)
    if outbox is not None and (sent := list(notification_lines(outbox))):
        yield from _section("Notifications", layout.fields(sent, width))
    yield from _section("Record", layout.fields(_record_fields(record), width))
    if what_if:
        yield from _section("What the next event would do", _what_if(record, width))


def _head(record: Payment, state: StripeState | None, width: int) -> Iterator[Text]:
    """The answer. If Stripe knows more than the record, Stripe's answer comes first."""
    ours = answer(record)
    theirs = answer(state.after) if state else ours
    if theirs != ours:
        yield from _styled(layout.sentence(f"At Stripe: {theirs}", width), "bold")
        yield from _styled(layout.sentence(f"The record still says: {ours}", width), "yellow")
    else:
        yield from _styled(layout.sentence(ours, width), "bold")
    if state is not None:
        yield from _verdict(state, width)
    yield Text()
    for sentence in explain.story(record):
        yield from _styled(layout.sentence(sentence, width))


def _verdict(state: StripeState, width: int) -> Iterator[Text]:
    compared = counted(len(state.objects), "object")
    if state.differences:
        number = counted(len(state.differences), "difference")
        yield from _styled(layout.sentence(f"The record differs from Stripe: {number}, see below.", width, "✗"), "red")
    if state.not_compared:
        text = "Not everything could be compared with Stripe, see below."
        yield from _styled(layout.sentence(text, width, "!"), "yellow")
    if state.agrees:
        text = f"The record and Stripe agree: {compared} at Stripe compared."
        yield from _styled(layout.sentence(text, width, "✓"), "green")
    elif not state.differences and not state.not_compared:
        text = f"Nothing differs in {compared} at Stripe, but a person must look at the payment."
        yield from _styled(layout.sentence(text, width, "!"), "yellow")


def _comparison(state: StripeState, width: int) -> Iterator[Text]:
    if state.differences or state.not_compared or state.notes:
        yield from _section("Compared with Stripe", ())
    for difference in state.differences:
        yield from _styled(layout.sentence(difference.what, width, "✗", layout.INDENT), "red")
        yield from _styled(layout.sentence(difference.remedy, width, "→", layout.INDENT * 2))
    for text in state.not_compared:
        yield from _styled(layout.sentence(f"not compared: {text}", width, "!", layout.INDENT), "yellow")
    for note in state.notes:
        yield from _styled(layout.sentence(note, width, "i", layout.INDENT), "dim")


def _timeline(record: Payment, width: int) -> Iterator[str]:
    for step in timeline(record):
        yield from layout.entry(f"{step.at}  {step.what}", filter(None, [step.source]), width)


def _objects(record: Payment, width: int) -> Iterator[str]:
    for known in explain.known_objects(record):
        meaning = "" if known.meaning == known.state else f": {known.meaning}"
        details = [
            known.amount,
            f"PaymentIntent {known.payment_intent}" if known.payment_intent else None,
            f"evidence is due on {known.evidence_due}" if known.evidence_due else None,
            f"code {known.code}" if known.code else None,
            f"attempt {known.attempt}" if known.attempt else None,
            f"paid with {known.method}" if known.method else None,
        ]
        text = ", ".join([f"{known.kind} {known.state}{meaning}", *filter(None, details)])
        yield from layout.entry(_name(known), [text], width)


def _name(known: explain.KnownObject) -> str:
    """The id of the object. Old API versions have disputes without one."""
    has_none = known.id == f"{known.kind}:{known.payment_intent or ''}"
    return f"{known.kind} without an id" if has_none else known.id


def _objects_at_stripe(state: StripeState, width: int) -> Iterator[str]:
    for shown in state.objects:
        yield from layout.entry(str(shown["id"]), [_fields(shown)], width)
    for event in state.undelivered:
        yield from layout.entry(str(event["id"]), [f"undelivered event, {_fields(event)}"], width)


def _fields(shown: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in shown.items() if name != "id")


def _record_fields(record: Payment) -> Sequence[tuple[str, str]]:
    values = [(label, getattr(record, name)) for label, name in _RECORD_FIELDS.items()]
    times = [(label, plain_time(getattr(record, name))) for label, name in _TIMES.items()]
    return [(label, str(value)) for label, value in [*values, *times] if value not in (None, "", 0)]


def _what_if(record: Payment, width: int) -> Iterator[str]:
    for event in next_events(record):
        yield from layout.entry(f"{event.event} {event.object_id}", [f"{event.outcome}: {event.effect}"], width)


def _section(title: str, lines: Iterator[str] | tuple[str, ...]) -> Iterator[Text]:
    yield Text()
    yield Text(title, "bold")
    yield from _styled(iter(lines))


def _styled(lines: Iterator[str], style: str = "") -> Iterator[Text]:
    for line in lines:
        yield Text(visible_text(line), style)
