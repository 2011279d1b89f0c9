"""Freezes records of version 0.1.0, made by its own services, as fixtures: python -m tests.upgrade.freeze DIR."""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store.setup import creation
from tests.support.ports import free_port
from tests.upgrade.events import AMOUNT, CURRENCY, Objects
from tests.upgrade.frozen import FOLDER
from tests.upgrade.versions import OLD, ROOT, UNREACHABLE, Versions, deliver

Events = Callable[[Objects], Sequence[bytes]]


class Kind(NamedTuple):
    """The events that make a record of this kind, before and after a second link; the link can lack its session."""

    events: Events
    second_link: str = ""
    later_events: Events = lambda _: []


WAITING, OPEN = "waiting", "open"
"""The states of a second link: it waits for its session, or has it."""

CHECKOUT_KINDS: Mapping[str, Kind] = {
    "untouched": Kind(lambda _: []),
    "declined": Kind(lambda o: [o.declined()]),
    "declined twice": Kind(lambda o: [o.declined(), o.declined("lost_card")]),
    "expired": Kind(lambda o: [o.expired()]),
    "expired after a decline": Kind(lambda o: [o.declined(), o.expired()]),
    "awaiting funds": Kind(lambda o: [o.unpaid()]),
    "async failed": Kind(lambda o: [o.unpaid(), o.async_failed()]),
    "completed": Kind(lambda o: [o.paid()]),
    "completed free of charge": Kind(lambda o: [o.paid(payment_status="no_payment_required", payment_intent=None)]),
    "completed after a decline": Kind(lambda o: [o.declined(), o.paid(), o.expired()]),
    "completed by a delayed method": Kind(lambda o: [o.unpaid(), o.async_paid()]),
    "amount mismatch": Kind(lambda o: [o.paid(amount_total=100)]),
    "currency mismatch": Kind(lambda o: [o.paid(currency="usd")]),
    "completed after a mismatch": Kind(lambda o: [o.paid(amount_total=100), o.other("b").paid()]),
    "paid twice": Kind(lambda o: [o.paid(), o.other("b").paid()]),
    "paid twice and one refunded": Kind(lambda o: [o.paid(), o.other("b").paid(), o.other("b").refunded(AMOUNT)]),
    "partly refunded": Kind(lambda o: [o.paid(), o.refunded(2000), o.refunded(5000)]),
    "fully refunded": Kind(lambda o: [o.paid(), o.refunded(AMOUNT)]),
    "refund failed": Kind(
        lambda o: [
            o.paid(),
            o.refund(1, 5000, "pending", "refund.updated"),
            o.refund(1, 5000, "failed", "refund.failed"),
        ]
    ),
    "dispute open": Kind(lambda o: [o.paid(), o.dispute("needs_response")]),
    "dispute under review": Kind(
        lambda o: [o.paid(), o.dispute("needs_response"), o.dispute("under_review", "updated")]
    ),
    "dispute won": Kind(lambda o: [o.paid(), o.dispute("needs_response"), o.dispute("won", "closed")]),
    "dispute lost": Kind(lambda o: [o.paid(), o.dispute("needs_response"), o.dispute("lost", "closed")]),
    "dispute lost and refunded in part": Kind(
        lambda o: [o.paid(), o.refunded(2000), o.dispute("needs_response"), o.dispute("lost", "closed")]
    ),
    "full history": Kind(lambda o: [o.paid(), *(o.refunded(100 * number) for number in range(1, 56))]),
    "second link waits for its session": Kind(lambda o: [o.expired()], WAITING),
    "second link": Kind(lambda o: [o.declined(), o.expired()], OPEN),
    "second link declined": Kind(lambda o: [o.expired()], OPEN, lambda o: [o.declined()]),
    "second link expired": Kind(lambda o: [o.expired()], OPEN, lambda o: [o.expired()]),
    "second link completed": Kind(lambda o: [o.expired()], OPEN, lambda o: [o.paid()]),
}

_REQUESTED = {"payment_status": "pending", "amount": AMOUNT, "currency": CURRENCY}
_WITH_IDS = {"stripe_session_id": "cs_hand", "stripe_payment_intent": "pi_hand"}
HAND_KINDS: Mapping[str, Mapping[str, Any]] = {
    "by hand with a key only": {},
    "by hand without status": {"amount": AMOUNT, "currency": CURRENCY},
    **{
        f"by hand {status}{' with ids' if ids else ''}": _REQUESTED | {"payment_status": status} | ids
        for status in ("pending", "completed", "failed", "expired")
        for ids in ({}, _WITH_IDS)
    },
}
"""Records that a person wrote; no service of version 0.1.0 has changed them."""

HAND_KINDS_WITH_EVENTS: Mapping[str, tuple[Mapping[str, Any], Events]] = {
    "by hand then awaiting funds": (_REQUESTED, lambda o: [o.unpaid()]),
    "by hand then completed": (_REQUESTED, lambda o: [o.paid()]),
    "by hand without amount then completed": ({"payment_status": "pending"}, lambda o: [o.paid()]),
    "by hand completed then paid": (_REQUESTED | {"payment_status": "completed"}, lambda o: [o.paid()]),
}


def main() -> None:
    """Writes one file for each kind, with the record's item and the events that were applied to it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        DynamoDBLocal(port, None, ROOT / ".data" / "dynamodb-local") as dynamodb,
    ):
        variables = {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": "frozen"}
        settings = TableSettings.model_validate(variables)
        with Versions(Path(sys.argv[1]), settings, Path(folder)) as versions:
            creation.ensure(versions.dynamodb, settings)
            Freezer(versions).write_all()


class Freezer:
    """Makes the records with services of version 0.1.0."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._webhook = versions.client(OLD, "webhook")
        self._checkout = versions.client(OLD, "checkout", STRIPE_API_BASE=versions.emulator())
        self._offline = versions.client(OLD, "checkout", STRIPE_API_BASE=UNREACHABLE)

    def write_all(self) -> None:
        """Makes and writes every record."""
        for number, (name, kind) in enumerate(CHECKOUT_KINDS.items()):
            objects = _objects(name, f"pi_old_{number:02}")
            self._write(objects, self._by_checkout(objects, kind))
        for name, fields in HAND_KINDS.items():
            self._write(_objects(name, "pi_hand"), self._by_hand(_objects(name, "pi_hand"), fields, lambda _: []))
        for name, (fields, events) in HAND_KINDS_WITH_EVENTS.items():
            self._write(_objects(name, "pi_hand"), self._by_hand(_objects(name, "pi_hand"), fields, events))

    def _write(self, objects: Objects, events: Sequence[bytes]) -> None:
        frozen = {"item": self._versions.item(objects.payment), "events": [json.loads(body) for body in events]}
        file = FOLDER / f"{objects.payment.removeprefix('payment_')}.json"
        file.write_text(json.dumps(frozen, indent=1, sort_keys=True) + "\n")

    def _by_checkout(self, objects: Objects, kind: Kind) -> Sequence[bytes]:
        objects = self._open(objects)
        events = [*kind.events(objects)]
        self._deliver(events)
        if kind.second_link == WAITING:
            self._offline.post("/payments", json=_order(objects))
        if kind.second_link == OPEN:
            later = [*kind.later_events(self._open(objects)._replace(intent=f"{objects.intent}_2"))]
            self._deliver(later)
            events += later
        return events

    def _by_hand(self, objects: Objects, fields: Mapping[str, Any], events: Events) -> Sequence[bytes]:
        attributes = {
            name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in fields.items()
        }
        self._versions.put({"payment_intent_id": {"S": objects.payment}, **attributes})
        bodies = events(objects)
        self._deliver(bodies)
        return bodies

    def _open(self, objects: Objects) -> Objects:
        answer = self._checkout.post("/payments", json=_order(objects)).raise_for_status().json()
        return objects._replace(session=answer["payment"]["stripe_session_id"])

    def _deliver(self, events: Sequence[bytes]) -> None:
        for body in events:
            deliver(self._webhook, body)


def _objects(name: str, intent: str) -> Objects:
    return Objects(f"payment_{name.replace(' ', '_')}", "cs_hand", intent)


def _order(objects: Objects) -> dict[str, Any]:
    return {
        "payment_intent_id": objects.payment,
        "user_id": "user_1",
        "quote_id": "quote_1",
        "amount": AMOUNT,
        "currency": CURRENCY,
        "product_name": "Travel insurance",
    }


if __name__ == "__main__":
    main()
