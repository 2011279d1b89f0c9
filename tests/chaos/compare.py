"""The table beside Stripe's truth: what is lost, what is wrong, what was applied twice; reads nothing itself."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.chaos.truth import Asked, State, Stripe, demands

Record = Mapping[str, Any]
"""A record as boto3's resource reads it: plain values by the names of its attributes."""

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


class Finding(NamedTuple):
    """A payment whose record is not as it must be; `kind` is lost, wrong or twice."""

    kind: str
    payment_id: str
    stripe: str
    table: str
    history: str

    def __str__(self) -> str:
        return (
            f"{self.kind}: payment {self.payment_id}\n  Stripe says {self.stripe}\n"
            f"  the table says {self.table}\n  its history: {self.history}"
        )


def compare(asked: Sequence[Asked], stripe: Stripe, records: Mapping[str, Record]) -> list[Finding]:
    """All that is not as Stripe's objects demand; nothing when all is well."""
    wanted = demands(asked, stripe)
    found = [finding for payment_id in wanted for finding in _look(wanted[payment_id], payment_id, records, stripe)]
    strangers = records.keys() - wanted.keys()
    return found + [Finding("wrong", each, "no such payment", _shown(records[each]), "-") for each in sorted(strangers)]


def applied(records: Mapping[str, Record]) -> int:
    """How many events changed a payment or were noted for a person to look at."""
    return sum(entry["outcome"] in ("applied", "review") for record in records.values() for entry in _history(record))


def _look(wanted: State, payment_id: str, records: Mapping[str, Record], stripe: Stripe) -> Iterator[Finding]:
    record = records.get(payment_id)
    if record is None:
        yield Finding("lost", payment_id, str(wanted), "no such record", "-")
        return
    history = "".join(f"\n    {json.dumps(entry)}" for entry in _history(record)) or "empty"
    held = _state(record)
    if held != wanted:
        kind = "lost" if _is_behind(held, wanted) else "wrong"
        yield Finding(kind, payment_id, str(wanted), str(held), history)
    ids = Counter(entry["event_id"] for entry in _history(record))
    if twice := [each for each, count in ids.items() if count > 1]:
        yield Finding("twice", payment_id, f"once {', '.join(twice)}", "each of them more than once", history)
    if unknown := {each for each in ids if not each.startswith("sweep_")} - stripe.event_ids:
        yield Finding("wrong", payment_id, "no such event", ", ".join(unknown), history)


def _state(record: Record) -> State:
    return State(
        record["payment_status"],
        record.get("status_reason"),
        record.get("stripe_payment_intent"),
        int(record.get("amount_refunded", 0)),
        record.get("dispute_status", "none"),
    )


def _is_behind(held: State, wanted: State) -> bool:
    """Whether the table knows less than Stripe, in any respect."""
    return (
        _progress(held) < _progress(wanted)
        or held.refunded < wanted.refunded
        or _DISPUTE_PROGRESS.index(held.dispute) < _DISPUTE_PROGRESS.index(wanted.dispute)
    )


def _progress(state: State) -> int:
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
