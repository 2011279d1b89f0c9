"""Reduces Stripe's objects to the fields that a person needs and that are never personal; pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lea_payments.commands.amounts import amount_text, time_of
from lea_payments.stripe import facts
from lea_payments.stripe.shapes import is_code

SHOWN: Mapping[str, tuple[str, ...]] = {
    facts.SESSION: ("status", "payment_status", "amount_total", "created", "expires_at", "livemode"),
    facts.INTENT: ("status", "amount", "amount_received"),
    facts.CHARGE: ("status", "amount", "amount_refunded", "created"),
    facts.REFUND: ("status", "amount", "created"),
    facts.DISPUTE: ("status", "amount", "reason", "created"),
    facts.WARNING: ("actionable", "fraud_type", "created"),
}
"""The fields that are shown of each type of object. Amounts have their currency, and times are in UTC."""

_AMOUNTS = ("amount", "amount_total", "amount_received", "amount_refunded")
_TIMES = ("created", "expires_at")


def decoded(raw: msgspec.Raw | bytes) -> dict[str, Any] | None:
    """The fields of an object; None if it cannot be read or has no id."""
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("id"), str) else None


def shown(object_type: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The type, the id and the shown fields of an object."""
    currency = content.get("currency")
    code = currency if is_code(currency) else None
    fields = {
        name: _text(name, content[name], code) for name in SHOWN[object_type] if _is_shown(name, content.get(name))
    }
    return {"object": object_type, "id": content["id"], **fields}


def has_odd_status(content: Mapping[str, Any]) -> bool:
    """Whether a status of the object is not one of Stripe's codes."""
    return not all(content.get(name) is None or is_code(content[name]) for name in ("status", "payment_status"))


def id_of(reference: object) -> str | None:
    """The id of an object that can be expanded."""
    value = reference.get("id") if isinstance(reference, dict) else reference
    return value if isinstance(value, str) else None


def references(session: Mapping[str, Any]) -> tuple[str, ...]:
    """The payments that a session names."""
    metadata = session.get("metadata")
    names = (
        session.get("client_reference_id"),
        metadata.get("payment_intent_id") if isinstance(metadata, dict) else None,
    )
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _is_shown(name: str, value: object) -> bool:
    """Whether it is a value that this field can have. Text of another format can be personal."""
    if name in _AMOUNTS or name in _TIMES:
        return type(value) is int
    return is_code(value) if isinstance(value, str) else isinstance(value, bool)


def _text(name: str, value: Any, currency: str | None) -> Any:
    if name in _AMOUNTS:
        return amount_text(value, currency)
    return time_of(value) if name in _TIMES else value
