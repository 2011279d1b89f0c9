"""Compares the records with the states that Stripe's objects require: what is lost, wrong or applied twice."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.chaos.expected import PaymentRequest, RecordState, StripeObjects, expected_states

Record = Mapping[str, Any]
"""A record as boto3's resource reads it: values by attribute name."""

_PROGRESS = (
    ("pending", None),
    ("failed", "declined"),
    ("expired", None),
    ("pending", "awaiting_funds"),
    ("failed", "async_payment_failed"),
    ("pending", "mismatch"),
    ("completed", None),
)
_DISPUTE_PROGRESS = ("none", "open", "review", "won", "lost")


class Mismatch(NamedTuple):
    """A payment whose record is not as expected; `kind` is lost, wrong or twice."""

    kind: str
    payment_id: str
    stripe: str
    table: str
    history: str

    def __str__(self) -> str:
        return (
            f"{self.kind}: payment {self.payment_id}\n  expected from Stripe: {self.stripe}\n"
            f"  in the table: {self.table}\n  history: {self.history}"
        )


def compare(requests: Sequence[PaymentRequest], stripe: StripeObjects, records: Mapping[str, Record]) -> list[Mismatch]:
    """Every difference between the records and what Stripe's objects require."""
    expected = expected_states(requests, stripe)
    mismatches = [
        mismatch
        for payment_id, state in expected.items()
        for mismatch in _check(state, payment_id, records.get(payment_id), stripe)
    ]
    unexpected = sorted(records.keys() - expected.keys())
    return mismatches + [Mismatch("wrong", name, "no such payment", _shown(records[name]), "-") for name in unexpected]


def applied(records: Mapping[str, Record]) -> int:
    """The number of events that changed a payment or marked it for review."""
    return sum(entry["outcome"] in ("applied", "review") for record in records.values() for entry in _history(record))


def _check(expected: RecordState, payment_id: str, record: Record | None, stripe: StripeObjects) -> Iterator[Mismatch]:
    if record is None:
        yield Mismatch("lost", payment_id, str(expected), "no such record", "-")
        return
    history = "".join(f"\n    {json.dumps(entry)}" for entry in _history(record)) or "empty"
    actual = _state(record)
    if actual != expected:
        kind = "lost" if _is_behind(actual, expected) else "wrong"
        yield Mismatch(kind, payment_id, str(expected), str(actual), history)
    ids = Counter(entry["event_id"] for entry in _history(record))
    if twice := [name for name, count in ids.items() if count > 1]:
        yield Mismatch("twice", payment_id, f"{', '.join(twice)} once", "each of them more than once", history)
    if unknown := {name for name in ids if not name.startswith("sweep_")} - stripe.event_ids:
        yield Mismatch("wrong", payment_id, "no such event", ", ".join(unknown), history)


def _state(record: Record) -> RecordState:
    return RecordState(
        record["payment_status"],
        record.get("status_reason"),
        record.get("stripe_payment_intent"),
        int(record.get("amount_refunded", 0)),
        record.get("dispute_status", "none"),
    )


def _is_behind(actual: RecordState, expected: RecordState) -> bool:
    """Whether the record is behind Stripe in its status, its refunds or its dispute."""
    return (
        _progress(actual) < _progress(expected)
        or actual.refunded < expected.refunded
        or _DISPUTE_PROGRESS.index(actual.dispute) < _DISPUTE_PROGRESS.index(expected.dispute)
    )


def _progress(state: RecordState) -> int:
    reason = state.reason
    if state.status == "completed":
        reason = None
    elif state.status == "failed" and reason != "async_payment_failed":
        reason = "declined"
    elif reason in ("amount_mismatch", "currency_mismatch"):
        reason = "mismatch"
    return _PROGRESS.index((state.status, reason)) if (state.status, reason) in _PROGRESS else -1


def _history(record: Record) -> Sequence[Mapping[str, str]]:
    entries: Sequence[Mapping[str, str]] = record.get("history", ())
    return entries


def _shown(record: Record) -> str:
    return str(_state(record)) if "payment_status" in record else "a record without a status"
