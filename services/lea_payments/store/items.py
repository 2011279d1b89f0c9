"""Converts payments to DynamoDB items and back; an attribute of another type than its field's counts as absent."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY, with_evidence
from lea_payments.payment.facts import Fact, Facts
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment, Status

Attribute = Mapping[str, Any]
Item = Mapping[str, Attribute]

LEGACY_OTHER_SESSION = "checkout_former_session"
"""The session before the current one: version 0.1.0 reads and writes it, and decides by it while a link is created."""


def _text(value: str | None) -> Attribute | None:
    return {"S": str(value)} if value else None


def _number(value: int | None) -> Attribute | None:
    return None if value is None else {"N": str(value)}


def _count(value: int) -> Attribute | None:
    return {"N": str(value)} if value else None


def _dispute_status(value: DisputeStatus) -> Attribute | None:
    return None if value is DisputeStatus.NONE else {"S": value.value}


def _history(value: Sequence[HistoryEntry]) -> Attribute | None:
    return {"L": [item_of_entry(entry) for entry in value]} if value else None


_FACT_ATTRIBUTES: Sequence[tuple[str, str, str]] = (
    *(("kind", "k", "S"), ("state", "s", "S"), ("amount", "a", "N"), ("currency", "c", "S"), ("intent", "p", "S")),
    *(("attempt", "n", "N"), ("code", "r", "S"), ("due", "d", "N"), ("method", "m", "S")),
)
"""The key and the type of each field inside `facts`. The keys are short: every write pays for every byte of an item."""


def facts_attribute(facts: Facts) -> Attribute:
    """The facts as a map of the item."""
    return {"M": {object_id: _attribute_of_fact(fact) for object_id, fact in facts.items()}}


def _attribute_of_fact(fact: Fact) -> Attribute:
    # Without a loop over _FACT_ATTRIBUTES: this runs for every write.
    attributes: dict[str, Attribute] = {"k": {"S": fact.kind}, "s": {"S": fact.state}}
    if fact.amount is not None:
        attributes["a"] = {"N": str(fact.amount)}
    if fact.currency is not None:
        attributes["c"] = {"S": fact.currency}
    if fact.intent is not None:
        attributes["p"] = {"S": fact.intent}
    if fact.attempt is not None:
        attributes["n"] = {"N": str(fact.attempt)}
    if fact.code is not None:
        attributes["r"] = {"S": fact.code}
    if fact.due is not None:
        attributes["d"] = {"N": str(fact.due)}
    if fact.method is not None:
        attributes["m"] = {"S": fact.method}
    return {"M": attributes}


_WRITERS: Mapping[str, Callable[[Any], Attribute | None]] = {
    **dict.fromkeys(Payment.__struct_fields__, _text),
    "version": _number,
    "facts": lambda facts: facts_attribute(facts) if facts else None,
    "status_rank": _number,
    "amount": _number,
    "amount_refunded": _count,
    "checkout_attempt": _count,
    "dispute_status": _dispute_status,
    "history": _history,
}
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?", re.ASCII)
_DIGITS = 15
"""The maximum number of digits of a number that counts; Stripe's amounts have at most 12."""

_ID_LENGTH = 255
"""The maximum length of texts in facts, Stripe's own; DynamoDB rejects longer ones as the key of an index."""

_TEXTS = tuple(
    name for name, writer in _WRITERS.items() if writer is _text and name not in ("payment_status", "currency")
)

_NOTHING: Sequence[Attribute] = ({"NULL": True}, {"S": ""})
"""Values that say as little as no attribute: programs write them where they have no value."""


def attributes_of(record: Payment, names: Iterable[str] = _WRITERS) -> dict[str, Attribute]:
    """The named fields that are set, as attributes of an item; all fields by default."""
    attributes = {}
    for name in names:
        value = getattr(record, name)
        if value is not None and (attribute := _WRITERS[name](value)) is not None:
            attributes[name] = attribute
    return attributes


def payment_of(item: Item) -> Payment:
    """The item as a payment, with the facts that follow from its published fields.

    An item that was written by hand can have only some of the fields, or values of another type in them.
    """
    texts = {name: text for name in _TEXTS if name in item and (text := _text_of(item, name)) is not None}
    record = Payment(
        **texts,
        payment_status=_status_of(item),
        version=_integer(item, "version"),
        facts=_facts_of(item),
        status_rank=_integer(item, "status_rank"),
        amount=_amount_of(item),
        currency=_currency_of(item),
        amount_refunded=_integer(item, "amount_refunded") or 0,
        checkout_attempt=max(0, _integer(item, "checkout_attempt") or 0),
        dispute_status=_dispute_status_of(item),
        history=_history_of(item),
    )
    waits_for_session = record.stripe_session_id is None
    if LEGACY_OTHER_SESSION in item and (waits_for_session or record.other_session_id is None):
        record = replace(record, other_session_id=_text_of(item, LEGACY_OTHER_SESSION))
    return replace(record, facts=with_evidence(record))


def _status_of(item: Item) -> Status:
    try:
        return Status((_text_of(item, "payment_status") or Status.PENDING).lower())
    except ValueError:
        return Status.PENDING


def _dispute_status_of(item: Item) -> DisputeStatus:
    try:
        return DisputeStatus((_text_of(item, "dispute_status") or DisputeStatus.NONE).lower())
    except ValueError:
        return DisputeStatus.NONE


def _text_of(item: Item, name: str) -> str | None:
    """The field's text. A number counts as text: people write ids as numbers."""
    attribute = item.get(name, {})
    value = attribute.get("S") or attribute.get("N")
    return value if isinstance(value, str) else None


def _short_text_of(item: Item, name: str) -> str | None:
    text = _text_of(item, name)
    return text if text and len(text) <= _ID_LENGTH else None


def _decimal_of(item: Item, name: str) -> Decimal | None:
    """The field's number. A text of digits counts as a number: people write numbers as text."""
    attribute = item.get(name, {})
    if "N" in attribute:
        return Decimal(attribute["N"])
    text = attribute.get("S", "")
    return Decimal(text) if text.isascii() and text.isdigit() else None


def _integer(item: Item, name: str) -> int | None:
    number = _decimal_of(item, name)
    return int(number) if number is not None and _is_count(number) else None


def _is_count(number: Decimal) -> bool:
    """Whether this is an integer of at most _DIGITS digits: with more, DynamoDB could reject the next version."""
    return number.adjusted() < _DIGITS and number == number.to_integral_value()


def _amount_of(item: Item) -> int | None:
    """The amount in minor units. Any other value stays as it is, but equals no amount of Stripe's.

    It must not count as absent, because then any money would be right. A text such as `120.00` is a number, too.
    """
    number = _decimal_of(item, "amount")
    if number is None:
        if item.get("amount", _NOTHING[0]) in _NOTHING:
            return None
        text = (_text_of(item, "amount") or "").strip()
        if _NUMBER.fullmatch(text) is None:
            return NEVER_MATCHES
        number = Decimal(text)
    return int(number) if _is_count(number) else NEVER_MATCHES


def _currency_of(item: Item) -> str | None:
    """The currency. A value that is no text stays as it is, but equals no currency of Stripe's."""
    is_set = item.get("currency", _NOTHING[0]) not in _NOTHING
    return _text_of(item, "currency") or (UNREADABLE_CURRENCY if is_set else None)


def unreadable_fields(record: Payment) -> tuple[str, ...]:
    """The fields of a request whose values in the item are not readable: no write may replace this evidence."""
    return tuple(name for name, value in _UNREADABLE.items() if getattr(record, name) == value)


_UNREADABLE: Mapping[str, int | str] = {"amount": NEVER_MATCHES, "currency": UNREADABLE_CURRENCY}


def _facts_of(item: Item) -> Facts:
    entries = item.get("facts", {}).get("M") or {}
    facts = {object_id: _fact_of(entry.get("M") or {}) for object_id, entry in entries.items()}
    return {object_id: fact for object_id, fact in facts.items() if fact is not None and len(object_id) <= _ID_LENGTH}


def _fact_of(entry: Item) -> Fact | None:
    """The fact, or None if the entry does not have its kind and state."""
    values: dict[str, Any] = {
        name: _integer(entry, key) if kind == "N" else _short_text_of(entry, key)
        for name, key, kind in _FACT_ATTRIBUTES
        if key in entry
    }
    return Fact(**values) if values.get("kind") and values.get("state") else None


def item_of_entry(entry: HistoryEntry) -> dict[str, Any]:
    """The entry as an attribute of the item's list."""
    # Without a loop over the fields: this runs for every write.
    attributes: dict[str, Attribute] = {
        "event_id": {"S": entry.event_id},
        "event_type": {"S": entry.event_type},
        "outcome": {"S": entry.outcome},
        "status_from": {"S": entry.status_from},
        "status_to": {"S": entry.status_to},
        "at": {"S": entry.at},
    }
    if entry.trace_id is not None:
        attributes["trace_id"] = {"S": entry.trace_id}
    return {"M": attributes}


def _history_of(item: Item) -> tuple[HistoryEntry, ...]:
    entries = item.get("history", {}).get("L") or ()
    return tuple(_entry_of(entry["M"]) for entry in entries if "M" in entry)


def _entry_of(item: Item) -> HistoryEntry:
    texts: dict[str, Any] = {name: _text_of(item, name) or "" for name in HistoryEntry.__struct_fields__}
    return HistoryEntry(**texts | {"trace_id": _text_of(item, "trace_id")})
