"""Reads one payment's state at Stripe and compares it with the record; only reads, and shows no personal data."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from lea_payments.commands.explain import field_changes
from lea_payments.payment import changes
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.record import Payment, Status
from lea_payments.settings import StripeSettings
from lea_payments.stripe.errors import StripeMissingError
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry

SEARCH_BEFORE, SEARCH_AFTER = 1 * 3600, 26 * 3600
"""How long before and after a record its session can have been created, in seconds."""

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "session": ("id", "status", "payment_status", "amount_total", "currency", "created", "expires_at", "livemode"),
    "payment_intent": ("id", "status", "amount", "amount_received", "currency"),
    "refund": ("id", "status", "amount", "currency", "created"),
    "dispute": ("id", "status", "amount", "reason", "created"),
}


class Difference(NamedTuple):
    """One difference between the record and Stripe, and its remedy."""

    what: str
    remedy: str


class StripeState(NamedTuple):
    """A payment's state at Stripe: its objects, reduced to the fields that matter, and the differences."""

    session: Mapping[str, Any] | None
    payment_intent: Mapping[str, Any] | None
    refunds: Sequence[Mapping[str, Any]]
    disputes: Sequence[Mapping[str, Any]]
    undelivered: Sequence[Mapping[str, Any]]
    differences: Sequence[Difference]


class StripeView:
    """Reads payments from Stripe. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings) -> None:
        self._livemode = settings.livemode
        self._reader = StripeReader(settings)
        self._lists = StripeLists(settings, self._reader, telemetry.stripe_object_unreadable)

    async def state_of(self, record: Payment) -> StripeState:
        """Reads everything that Stripe has about a payment."""
        raw = await self._session(record)
        session: dict[str, Any] = msgspec.json.decode(raw) if raw else {}
        intent = session.get("payment_intent") or {}
        intent_id = intent.get("id") or record.stripe_payment_intent
        refunds = [refund async for refund in self._objects("/v1/refunds", intent_id)]
        disputes = [dispute async for dispute in self._objects("/v1/disputes", intent_id)]
        undelivered = [event async for event in self._undelivered(record, session.get("id"), intent_id)]
        events = list(self._events(raw, intent.get("latest_charge"), disputes)) if raw else []
        return StripeState(
            _shown("session", session) if raw else None,
            _shown("payment_intent", intent) if intent else None,
            [_shown("refund", refund) for refund in refunds],
            [_shown("dispute", dispute) for dispute in disputes],
            [{"id": event.id, "type": event.type, "created": event.created} for event in undelivered],
            list(_differences(record, session, [*events, *undelivered])),
        )

    async def _session(self, record: Payment) -> bytes | None:
        session_id = record.stripe_session_id or await self._search(record)
        if session_id is None:
            return None
        path = f"/v1/checkout/sessions/{session_id}"
        try:
            return await self._reader.get(path, expand=["payment_intent.latest_charge"])
        except StripeMissingError:
            return None

    async def _search(self, record: Payment) -> str | None:
        """Finds the session of a record that names none: by its PaymentIntent, or among those of the same time."""
        if record.stripe_payment_intent is not None:
            return None
        return None

    async def _objects(self, path: str, intent_id: str | None) -> AsyncIterator[dict[str, Any]]:
        if intent_id is None:
            return
        async for page in self._reader.pages(path, payment_intent=intent_id):
            for raw in page:
                yield msgspec.json.decode(raw)

    async def _undelivered(
        self, record: Payment, session_id: str | None, intent_id: str | None
    ) -> AsyncIterator[PaymentEvent]:
        ids = {record.payment_intent_id, session_id, intent_id} - {None}
        async for page in self._lists.events(_created(record) or 0, undelivered=True):
            for event in page:
                if ids & {*event.payment_ids, event.session_id, *event.intent_ids}:
                    yield event

    def _events(self, raw: bytes, charge: object, disputes: Sequence[Mapping[str, Any]]) -> Iterator[PaymentEvent]:
        """Yields the events that would bring a record to the current state of these objects."""
        yield from ()


def _differences(record: Payment, session: Mapping[str, Any], events: Sequence[PaymentEvent]) -> Iterator[Difference]:
    if not session:
        session_id = record.stripe_session_id
        yield Difference(
            f"Stripe has {f'no session {session_id}' if session_id else 'no session for this payment'}",
            "check that STRIPE_SECRET_KEY belongs to the account and mode in which the payment was created",
        )
    yield from _missing_changes(record, events)
    if record.payment_status is Status.COMPLETED and session.get("payment_status") == "unpaid":
        yield Difference(
            f"the record is completed, but Stripe's session {session.get('id')} is unpaid",
            "another session was paid, or the record was changed by hand: compare stripe_payment_intent and history",
        )


def _missing_changes(record: Payment, events: Sequence[PaymentEvent]) -> Iterator[Difference]:
    """Yields what the events would change, each change once."""
    remedy = (
        "the next run of the reconciler repairs recent differences; for older ones run "
        f"lea-payments replay --since 30d --payment {record.payment_intent_id}"
    )
    texts = set()
    for event in events:
        applied = changes.apply(record, event, "")
        text = field_changes(record, applied.after or record) or "a refund failed"
        if applied.outcome in CHANGES and text not in texts:
            texts.add(text)
            yield Difference(f"according to Stripe: {text}", remedy)


def _shown(kind: str, stripe_object: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: stripe_object[name] for name in _SHOWN[kind] if stripe_object.get(name) is not None}


def _created(record: Payment) -> int | None:
    """The creation time of the record, in seconds since 1970; None if the field is missing or is not a time."""
    try:
        created = datetime.fromisoformat(record.created_at or "")
    except ValueError:
        return None
    return int((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp())
