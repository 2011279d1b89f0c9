"""Converts payments to DynamoDB items and back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from lea_payments.payment.record import Dispute, HistoryEntry, Payment, Status
from lea_payments.payment.rules import DEFAULT_RANKS

Attribute = Mapping[str, Any]
Item = Mapping[str, Attribute]


def _text(value: str | None) -> Attribute | None:
    return None if value is None else {"S": str(value)}


def _amount(value: int | None) -> Attribute | None:
    return None if value is None else {"N": str(value)}


def _count(value: int) -> Attribute | None:
    return {"N": str(value)} if value else None


def _flag(value: bool) -> Attribute | None:  # noqa: FBT001 - the value itself is a flag
    return {"BOOL": True} if value else None


def _dispute_stage(value: Dispute) -> Attribute | None:
    return {"S": value.name.lower()} if value else None


def _history(value: Sequence[HistoryEntry]) -> Attribute | None:
    return {"L": [item_of_entry(entry) for entry in value]}


_WRITERS: Mapping[str, Callable[[Any], Attribute | None]] = {
    **dict.fromkeys(Payment.__struct_fields__, _text),
    "status_rank": _amount,
    "amount": _amount,
    "amount_refunded": _count,
    "checkout_attempt": _count,
    "dispute_status": _dispute_stage,
    "session_closed": _flag,
    "history": _history,
}
_TEXTS = tuple(name for name, writer in _WRITERS.items() if writer is _text and name != "payment_status")


def attributes_of(record: Payment, names: Iterable[str]) -> dict[str, Attribute]:
    """The named fields that are set, as attributes of an item."""
    pairs = ((name, _WRITERS[name](getattr(record, name))) for name in names)
    return {name: attribute for name, attribute in pairs if attribute is not None}


def item_of(record: Payment) -> dict[str, Attribute]:
    """The payment as an item, without the fields that are not set."""
    return attributes_of(record, _WRITERS)


def payment_of(item: Item) -> Payment:
    """The item as a payment. An item that was written by hand can have only some of the fields."""
    status = _status(_text_of(item, "payment_status"))
    rank = _number(item, "status_rank")
    return Payment(
        **{name: _text_of(item, name) for name in _TEXTS if name in item},  # type: ignore[arg-type]
        payment_status=status,
        status_rank=DEFAULT_RANKS[status] if rank is None else rank,
        amount=_number(item, "amount"),
        amount_refunded=_number(item, "amount_refunded") or 0,
        checkout_attempt=_number(item, "checkout_attempt") or 0,
        dispute_status=_dispute(_text_of(item, "dispute_status")),
        session_closed=bool(item.get("session_closed", {}).get("BOOL")),
        history=tuple(_entry_of(entry.get("M", {})) for entry in item.get("history", {}).get("L", [])),
    )


def _status(text: str | None) -> Status:
    try:
        return Status((text or Status.PENDING).lower())
    except ValueError:
        return Status.PENDING


def _dispute(text: str | None) -> Dispute:
    return Dispute.__members__.get((text or "none").upper(), Dispute.NONE)


def _text_of(item: Item, name: str) -> str | None:
    for kind in ("S", "N"):
        value = item.get(name, {}).get(kind)
        if value is not None:
            return str(value)
    return None


def _number(item: Item, name: str) -> int | None:
    """The field as an integer; -1, which equals no amount of Stripe's, if it is something else."""
    text = _text_of(item, name)
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return -1
    return int(number) if number.is_finite() and number == number.to_integral_value() else -1


_ENTRY_TEXTS = HistoryEntry._fields


def item_of_entry(entry: HistoryEntry) -> dict[str, Any]:
    """The entry as an attribute of the item's list."""
    pairs = zip(_ENTRY_TEXTS, entry, strict=True)
    return {"M": {name: {"S": value} for name, value in pairs if value is not None}}


def _entry_of(item: Item) -> HistoryEntry:
    *texts, trace_id = (_text_of(item, name) for name in _ENTRY_TEXTS)
    return HistoryEntry._make([*(text or "" for text in texts), trace_id])
