"""Compares the records with the states that Stripe's objects require: what is lost, wrong or applied twice."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.chaos.truth import (
    STATES,
    ObjectFact,
    PaymentRequest,
    RecordState,
    StripeObjects,
    expected_states,
    objects_by_payment,
)

Record = Mapping[str, Any]
"""A record as boto3's resource reads it: values by attribute name."""

HISTORY_LIMIT = 50

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

_UNJUDGED_KINDS = ("intent", "charge")
"""Kinds whose facts may be missing: a decline before a payment, and a total that serves until the refunds are known."""


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


class _Difference(NamedTuple):
    """A field or a fact that differs; `is_behind` means that Stripe is further."""

    is_behind: bool
    stripe: str
    table: str


def compare(requests: Sequence[PaymentRequest], stripe: StripeObjects, records: Mapping[str, Record]) -> list[Mismatch]:
    """Every payment whose record is not what Stripe's objects require."""
    expected = expected_states(requests, stripe)
    own = objects_by_payment(requests, stripe)
    mismatches = [
        mismatch
        for payment_id, state in expected.items()
        for mismatch in _check(state, payment_id, records.get(payment_id), own[payment_id])
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
    if differences := [*_field_differences(expected, record), *_fact_differences(expected, record, stripe.ids)]:
        kind = "lost" if any(difference.is_behind for difference in differences) else "wrong"
        required = "; ".join(difference.stripe for difference in differences)
        found = "; ".join(difference.table for difference in differences)
        yield Mismatch(kind, payment_id, required, found, history)
    for kind, required, found in _history_problems(record, stripe):
        yield Mismatch(kind, payment_id, required, found, history)


def _field_differences(expected: RecordState, record: Record) -> Iterator[_Difference]:
    actual = _state(record)
    is_behind = {
        "status": _progress(actual) < _progress(expected),
        "refunded": actual.refunded < expected.refunded,
        "dispute": _DISPUTE_PROGRESS.index(actual.dispute) < _DISPUTE_PROGRESS.index(expected.dispute),
    }
    for field, value in expected._replace(facts={})._asdict().items():
        found = getattr(actual, field)
        if found != value:
            yield _Difference(is_behind.get(field, False), f"{field} {value}", f"{field} {found}")


def _fact_differences(expected: RecordState, record: Record, own_ids: set[str]) -> Iterator[_Difference]:
    """The objects about which the record says nothing, or something else than Stripe."""
    actual = _facts(record)
    for object_id, fact in expected.facts.items():
        found = actual.pop(object_id, None)
        if found is None:
            yield _Difference(is_behind=True, stripe=f"{object_id} {_text(fact)}", table=f"{object_id} missing")
        elif found != fact:
            is_behind = _fact_progress(found) < _fact_progress(fact)
            yield _Difference(is_behind, f"{object_id} {_text(fact)}", f"{object_id} {_text(found)}")
    for object_id, fact in actual.items():
        if fact.kind not in _UNJUDGED_KINDS or object_id not in own_ids:
            yield _Difference(is_behind=False, stripe=f"{object_id} no such object", table=f"{object_id} {_text(fact)}")


def _history_problems(record: Record, stripe: StripeObjects) -> Iterator[tuple[str, str, str]]:
    """The kind and both sides of each problem with the history or the version."""
    ids = Counter(entry["event_id"] for entry in _history(record))
    if twice := [name for name, count in ids.items() if count > 1]:
        yield "twice", f"{', '.join(twice)} once", "each of them more than once"
    listed = {name for name in ids if name.rpartition(":")[0] in stripe.ids}
    if unknown := ids.keys() - stripe.event_ids - listed:
        yield "wrong", "no such event", ", ".join(sorted(unknown))
    version, entries = int(record.get("version", 0)), ids.total()
    # How a charge was paid has no entry in the history.
    details = sum(fact.kind == "charge" for fact in _facts(record).values())
    # A fact from a list can add a detail to one of the same name: that write has no entry either.
    if version < entries or (version > entries + details and entries < HISTORY_LIMIT and not listed):
        yield "wrong", f"version {entries}: one for each entry in the history", f"version {version}"


def _state(record: Record) -> RecordState:
    return RecordState(
        record["payment_status"],
        record.get("status_reason"),
        record.get("stripe_session_id"),
        record.get("stripe_payment_intent"),
        int(record.get("amount_refunded", 0)),
        record.get("dispute_status", "none"),
    )


def _facts(record: Record) -> dict[str, ObjectFact]:
    """The record's facts. Their keys are `k` for the kind, `s` for the state and `a` for the amount."""
    return {
        object_id: ObjectFact(fact["k"], fact["s"], int(fact["a"]) if "a" in fact else None)
        for object_id, fact in record.get("facts", {}).items()
    }


def _text(fact: ObjectFact) -> str:
    return " ".join(str(value) for value in fact if value is not None)


def _progress(state: RecordState) -> int:
    reason = state.reason
    if state.status == "completed":
        reason = None
    elif state.status == "failed" and reason != "async_payment_failed":
        reason = "declined"
    elif reason in ("amount_mismatch", "currency_mismatch"):
        reason = "mismatch"
    return _PROGRESS.index((state.status, reason)) if (state.status, reason) in _PROGRESS else -1


def _fact_progress(fact: ObjectFact) -> int:
    states = STATES.get(fact.kind, ())
    return states.index(fact.state) if fact.state in states else -1


def _history(record: Record) -> Sequence[Mapping[str, str]]:
    entries: Sequence[Mapping[str, str]] = record.get("history", ())
    return entries


def _shown(record: Record) -> str:
    return str(_state(record)) if "payment_status" in record else "a record without a status"
