"""A payment as a DynamoDB item and back; pure. What callers put by hand, with only some of the fields, is read too."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from lea_payments.payment import RANK_OF_BARE_STATUS, Dispute, HistoryEntry, Payment, Status

Item = Mapping[str, Mapping[str, Any]]

_TEXTS = (
    "payment_intent_id",
    "user_id",
    "quote_id",
    "stripe_session_id",
    "stripe_payment_intent",
    "currency",
    "product_name",
    "created_at",
    "updated_at",
    "webhook_processed_at",
    "status_reason",
    "traceparent",
    "checkout_attempt_at",
    "checkout_locale",
)


def item_of(record: Payment) -> dict[str, dict[str, Any]]:
    """A payment as an item; what is unset is left out."""
    item: dict[str, dict[str, Any]] = {}
    for name in _TEXTS:
        value = getattr(record, name)
        if value is not None:
            item[name] = {"S": value}
    item["payment_status"] = {"S": record.payment_status.value}
    item["status_rank"] = {"N": str(record.status_rank)}
    item["history"] = {"L": [item_of_entry(entry) for entry in record.history]}
    for name in ("amount", "amount_refunded", "checkout_attempt"):
        number = getattr(record, name)
        if number is not None and (number or name == "amount"):
            item[name] = {"N": str(number)}
    if record.dispute_status is not Dispute.NONE:
        item["dispute_status"] = {"S": record.dispute_status.name.lower()}
    if record.session_closed:
        item["session_closed"] = {"BOOL": True}
    return item


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
    return int(number) if number == number.to_integral_value() else -1


_ENTRY_TEXTS = HistoryEntry._fields


def item_of_entry(entry: HistoryEntry) -> dict[str, Any]:
    """A line of history as it stands in the item's list."""
    pairs = zip(_ENTRY_TEXTS, entry, strict=True)
    return {"M": {name: {"S": value} for name, value in pairs if value is not None}}


def _entry_of(item: Item) -> HistoryEntry:
    *texts, trace_id = (_text_of(item, name) for name in _ENTRY_TEXTS)
    return HistoryEntry._make([*(text or "" for text in texts), trace_id])
