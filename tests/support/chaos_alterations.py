"""Defines alterations of records that the chaos suite must find, each with the kind of mismatch that it causes."""

from collections.abc import Callable
from typing import Any

Records = dict[str, dict[str, Any]]


def _id_of_one(records: Records, **fields: object) -> str:
    return next(
        name for name, record in records.items() if all(record.get(field) == value for field, value in fields.items())
    )


def _set(payment_id: str, records: Records, **fields: object) -> str:
    records[payment_id] |= fields
    return payment_id


def _alter_fact(records: Records, kind: str, state: str, after: str | None, *, add: int = 0) -> str:
    """Changes the first fact of this kind and state to another state or amount, or removes it."""
    payment_id, object_id = next(
        (name, object_id)
        for name, record in records.items()
        for object_id, fact in record.get("facts", {}).items()
        if (fact["k"], fact["s"]) == (kind, state)
    )
    fact = records[payment_id]["facts"].pop(object_id)
    if after is not None:
        records[payment_id]["facts"][object_id] = fact | {"s": after} | ({"a": fact["a"] + add} if add else {})
    return payment_id


def _add_fact(records: Records, object_id: str) -> str:
    payment_id = _id_of_one(records, payment_status="completed")
    records[payment_id]["facts"][object_id] = {"k": "refund", "s": "failed", "a": 1}
    return payment_id


def _drop(payment_id: str, records: Records) -> str:
    del records[payment_id]
    return payment_id


def _repeat(payment_id: str, records: Records) -> str:
    records[payment_id]["history"].append(records[payment_id]["history"][0])
    return payment_id


def _invent(payment_id: str, records: Records) -> str:
    records[payment_id]["history"][0]["event_id"] = "evt_unknown"
    return payment_id


def _add(records: Records) -> str:
    records["payment_unknown"] = {"payment_status": "completed"}
    return "payment_unknown"


ALTERATIONS: dict[str, tuple[str, Callable[[Records], str]]] = {
    "completed payment reset to pending": (
        "lost",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, payment_status="pending"),
    ),
    "record deleted": ("lost", lambda records: _drop(_id_of_one(records, payment_status="expired"), records)),
    "expired payment completed": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="expired"), records, payment_status="completed"),
    ),
    "awaiting funds marked as failed": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, status_reason="awaiting_funds"),
            records,
            payment_status="failed",
            status_reason="async_payment_failed",
        ),
    ),
    "other decline code": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, status_reason="expired_card"), records, status_reason="card_declined:lost_card"
        ),
    ),
    "paid twice without its reason": (
        "wrong",
        lambda records: _set(_id_of_one(records, status_reason="paid_twice"), records, status_reason=None),
    ),
    "refund removed": ("lost", lambda records: _set(_refunded(records), records, amount_refunded=0)),
    "refund invented": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, payment_status="completed", amount_refunded=None), records, amount_refunded=1
        ),
    ),
    "dispute reopened": (
        "lost",
        lambda records: _set(_id_of_one(records, dispute_status="won"), records, dispute_status="open"),
    ),
    "other PaymentIntent": (
        "wrong",
        lambda records: _set(
            _id_of_one(records, payment_status="completed"), records, stripe_payment_intent="pi_unknown"
        ),
    ),
    "other session": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, stripe_session_id="cs_unknown"),
    ),
    "fraud warning without its reason": (
        "wrong",
        lambda records: _set(_id_of_one(records, status_reason="early_fraud_warning"), records, status_reason=None),
    ),
    "fact of a failed refund removed": ("lost", lambda records: _alter_fact(records, "refund", "failed", None)),
    "failed refund succeeded": ("lost", lambda records: _alter_fact(records, "refund", "failed", "succeeded")),
    "pending refund failed": ("wrong", lambda records: _alter_fact(records, "refund", "requires_action", "failed")),
    "fact of a dispute removed": ("lost", lambda records: _alter_fact(records, "dispute", "prevented", None)),
    "dispute in an unknown state": ("lost", lambda records: _alter_fact(records, "dispute", "prevented", "unknown")),
    "fact of a session removed": ("lost", lambda records: _alter_fact(records, "session", "expired", None)),
    "fact of a fraud warning removed": ("lost", lambda records: _alter_fact(records, "warning", "actionable", None)),
    "amount of a refund changed": (
        "wrong",
        lambda records: _alter_fact(records, "refund", "succeeded", "succeeded", add=1),
    ),
    "refund of another payment": ("wrong", lambda records: _add_fact(records, "re_unknown")),
    "version behind the history": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, version=0),
    ),
    "version ahead of the history": (
        "wrong",
        lambda records: _set(_id_of_one(records, payment_status="completed"), records, version=49),
    ),
    "event recorded twice": (
        "twice",
        lambda records: _repeat(_id_of_one(records, payment_status="completed"), records),
    ),
    "event invented": ("wrong", lambda records: _invent(_id_of_one(records, payment_status="completed"), records)),
    "payment invented": ("wrong", _add),
}


def _refunded(records: Records) -> str:
    return next(name for name, record in records.items() if record.get("amount_refunded"))
