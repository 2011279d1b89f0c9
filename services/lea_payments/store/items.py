"""A payment as a DynamoDB item and back; pure. What callers put by hand, with only some of the fields, is read too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from lea_payments.payment.record import Dispute, HistoryEntry, Payment, Status
from lea_payments.payment.rules import RANK_OF_BARE_STATUS

Attribute = Mapping[str, Any]
Item = Mapping[str, Attribute]


def _text(value: str | None) -> Attribute | None:
    return None if value is None else {"S": str(value)}


def _amount(value: int | None) -> Attribute | None:
    return None if value is None else {"N": str(value)}


def _count(value: int) -> Attribute | None:
    return {"N": str(value)} if value else None


def _flag(value: bool) -> Attribute | None:  # noqa: FBT001 - it is the value
    return {"BOOL": True} if value else None


def _stage(value: Dispute) -> Attribute | None:
    return {"S": value.name.lower()} if value else None


def _history(value: Sequence[HistoryEntry]) -> Attribute | None:
    return {"L": [item_of_entry(entry) for entry in value]}


_WRITERS: Mapping[str, Callable[[Any], Attribute | None]] = {
    **dict.fromkeys(Payment.__struct_fields__, _text),
    "status_rank": _amount,
    "amount": _amount,
    "amount_refunded": _count,
    "checkout_attempt": _count,
    "dispute_status": _stage,
    "session_closed": _flag,
    "history": _history,
}
_TEXTS = tuple(name for name, writer in _WRITERS.items() if writer is _text and name != "payment_status")


def attributes_of(record: Payment, names: Iterable[str]) -> dict[str, Attribute]:
    """Those of the named fields that are set, as an item holds them."""
    found = ((name, _WRITERS[name](getattr(record, name))) for name in names)
    return {name: attribute for name, attribute in found if attribute is not None}


def item_of(record: Payment) -> dict[str, Attribute]:
    """A payment as an item; what is unset is left out."""
    return attributes_of(record, _WRITERS)


def payment_of(item: Item) -> Payment:
    """An item as a payment; reads records that callers put by hand with only some of the fields."""
    status = _status(_text_of(item, "payment_status"))
    rank = _number(item, "status_rank")
    return Payment(
        **{name: _text_of(item, name) for name in _TEXTS if name in item},  # type: ignore[arg-type]
        payment_status=status,
        status_rank=RANK_OF_BARE_STATUS[status] if rank is None else rank,
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
    """A whole number; one that is not whole counts as -1, which equals no amount of Stripe's."""
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
    """A line of history as it stands in the item's list."""
    pairs = zip(_ENTRY_TEXTS, entry, strict=True)
    return {"M": {name: {"S": value} for name, value in pairs if value is not None}}


def _entry_of(item: Item) -> HistoryEntry:
    *texts, trace_id = (_text_of(item, name) for name in _ENTRY_TEXTS)
    return HistoryEntry._make([*(text or "" for text in texts), trace_id])
