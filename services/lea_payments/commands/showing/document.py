"""Shows what a search has found as JSON; pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lea_payments.commands.amounts import time_of
from lea_payments.commands.console.terminal import json_text
from lea_payments.commands.showing import explain, notifications
from lea_payments.commands.showing.answer import answer
from lea_payments.commands.showing.findings import Findings, PaymentView, stray_advice, stray_answer
from lea_payments.commands.showing.next_events import next_events
from lea_payments.commands.showing.totals import money_lines
from lea_payments.payment.record import Payment


def as_json(findings: Findings, *, what_if: bool = False) -> str:
    """The findings as a JSON array: each payment with its record, answer, history and the state at Stripe."""
    payments = [_payment(view, what_if=what_if) for view in findings.payments]
    strays = [
        {
            "answer": stray_answer(match),
            "advice": stray_advice(match, findings.table),
            "payment_intent_id": None,
            "at_stripe": match.shown,
            "later": match.later,
            "not_read": match.not_read,
        }
        for match in findings.strays
    ]
    return json_text([*payments, *strays])


def _payment(view: PaymentView, *, what_if: bool) -> Mapping[str, object]:
    record = view.record
    fields = {"answer": answer(record), **_fields(record)}
    fields["money"] = {label.lower().replace(" ", "_"): text for label, text in money_lines(record)}
    fields["explained"] = {
        "story": explain.story(record),
        "objects": [_without_none(known._asdict()) for known in explain.known_objects(record)],
        **({"next_events": [event._asdict() for event in next_events(record)]} if what_if else {}),
    }
    if view.outbox is not None and (view.outbox.deliveries or view.outbox.due_at is not None):
        fields["notifications"] = notifications.document(view.outbox)
    if view.stripe is not None:
        state = view.stripe
        fields["stripe"] = {
            "answer": answer(state.after),
            "agrees": state.agrees,
            "needs_person": state.needs_person,
            "objects": state.objects,
            "undelivered": state.undelivered,
            "differences": [difference._asdict() for difference in state.differences],
            "notes": state.notes,
            "not_compared": state.not_compared,
        }
    return fields


def _fields(record: Payment) -> dict[str, object]:
    """The fields that are set, with the history as objects."""
    fields: dict[str, Any] = msgspec.structs.asdict(record)
    fields["facts"] = {object_id: _fact(msgspec.structs.asdict(fact)) for object_id, fact in record.facts.items()}
    fields["history"] = [msgspec.structs.asdict(entry) for entry in record.history]
    return _without_none({name: value for name, value in fields.items() if name not in _INTERNAL})


_INTERNAL = ("status_rank",)
"""The fields that are only for version 0.1.0."""


def _fact(fact: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a fact that are set; its only time, `due`, in UTC."""
    due = fact.get("due")
    return _without_none({**fact, "due": None if due is None else time_of(due)})


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
