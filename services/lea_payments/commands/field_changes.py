"""Says which published fields of a payment a change affects; pure."""

from lea_payments.commands.amounts import amount_text
from lea_payments.payment.record import Payment

FIELD_GROUPS = (
    ("payment_status", "status_reason", "amount_refunded", "dispute_status"),
    ("stripe_session_id", "stripe_payment_intent"),
)
"""The fields that describe a change: the second group only if no field of the first group has changed."""


def field_changes(before: Payment, after: Payment) -> str:
    """The changed fields with their old and new values; empty if only the history changed."""
    for names in FIELD_GROUPS:
        values = ((name, _word(before, name), _word(after, name)) for name in names)
        if changes := [f"{name} {old} → {new}" for name, old, new in values if old != new]:
            return ", ".join(changes)
    return ""


def _word(record: Payment, name: str) -> str:
    value = getattr(record, name)
    if name == "amount_refunded":
        return amount_text(value, record.currency)
    return "none" if value is None else str(value)
