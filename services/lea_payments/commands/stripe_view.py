"""What Stripe says of one payment, and where the record differs; reads only, and picks no personal data."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from lea_payments.commands.explain import moves
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.transitions import apply_change, change_for
from lea_payments.settings import StripeSettings
from lea_payments.stripe import session_events as sweep
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored
from lea_payments.stripe.lists import StripeRecords
from lea_payments.stripe.reader import StripeCalls, StripeMissingError
from lea_payments.stripe.session_events import SweptSession

LIFE = timedelta(hours=26)
"""A session is made within so long of its record, or never."""

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "session": ("id", "status", "payment_status", "amount_total", "currency", "created", "expires_at", "livemode"),
    "payment_intent": ("id", "status", "amount", "amount_received", "currency"),
    "refund": ("id", "status", "amount", "currency", "created"),
    "dispute": ("id", "status", "amount", "reason", "created"),
}


class Difference(NamedTuple):
    """One thing that Stripe says and the record does not, and what to do about it."""

    what: str
    remedy: str


class StripeSays(NamedTuple):
    """What Stripe says: objects as it shows them, cut to what matters."""

    session: Mapping[str, Any] | None
    payment_intent: Mapping[str, Any] | None
    refunds: Sequence[Mapping[str, Any]]
    disputes: Sequence[Mapping[str, Any]]
    undelivered: Sequence[Mapping[str, Any]]
    differences: Sequence[Difference]


class StripeView:
    """Asks Stripe about payments. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings) -> None:
        self._livemode = settings.livemode
        self._calls = StripeCalls(settings)
        self._records = StripeRecords(settings, self._calls)

    async def of(self, record: Payment) -> StripeSays:
        """All that Stripe has of a payment."""
        raw = await self._session(record)
        whole: dict[str, Any] = msgspec.json.decode(raw) if raw else {}
        intent = whole.get("payment_intent") or {}
        intent_id = intent.get("id") or record.stripe_payment_intent
        refunds = [one async for one in self._about("/v1/refunds", intent_id)]
        disputes = [one async for one in self._about("/v1/disputes", intent_id)]
        undelivered = [one async for one in self._undelivered(record, whole.get("id"), intent_id)]
        news = list(self._news(raw, intent.get("latest_charge"), disputes)) if raw else []
        return StripeSays(
            _cut("session", whole) if raw else None,
            _cut("payment_intent", intent) if intent else None,
            [_cut("refund", one) for one in refunds],
            [_cut("dispute", one) for one in disputes],
            [{"id": one.id, "type": one.type, "created": one.created} for one in undelivered],
            list(_differences(record, whole, [*news, *undelivered])),
        )

    async def _session(self, record: Payment) -> bytes | None:
        session_id = record.stripe_session_id or await self._search(record)
        if session_id is None:
            return None
        try:
            return await self._calls.get(f"/v1/checkout/sessions/{session_id}", expand=["payment_intent.latest_charge"])
        except StripeMissingError:
            return None

    async def _search(self, record: Payment) -> str | None:
        """The session of a record that names none: by its PaymentIntent, else among those made after the record."""
        if record.stripe_payment_intent is not None:
            session = await self._records.session_of_intent(record.stripe_payment_intent)
            return session.id if session else None
        made = _seconds(record.created_at)
        if made is None:
            return None
        async for page in self._records.sessions(made - 3600, made + int(LIFE.total_seconds())):
            for session, _ in page:
                if session.payment_id == record.payment_intent_id:
                    return session.id
        return None

    async def _about(self, path: str, intent_id: str | None) -> AsyncIterator[dict[str, Any]]:
        if intent_id is None:
            return
        async for page in self._calls.pages(path, payment_intent=intent_id):
            for raw in page:
                yield msgspec.json.decode(raw)

    async def _undelivered(
        self, record: Payment, session_id: str | None, intent_id: str | None
    ) -> AsyncIterator[PaymentEvent]:
        names = {record.payment_intent_id, session_id, intent_id} - {None}
        async for page in self._records.events(_seconds(record.created_at) or 0, undelivered=True):
            for event in page:
                if names & {event.payment_id, event.session_id, event.stripe_payment_intent}:
                    yield event

    def _news(self, raw: bytes, charge: object, disputes: Sequence[Mapping[str, Any]]) -> Iterator[PaymentEvent]:
        """What the objects would tell if each were an event that came now."""
        session = sweep.session_of(msgspec.Raw(raw))
        told = [sweep.event_of(msgspec.Raw(raw), session, livemode=self._livemode)]
        if isinstance(charge, dict):
            told.append(self._told("charge.refunded", session, charge))
        told += [self._told("charge.dispute.updated", session, one) for one in disputes]
        yield from (one for one in told if isinstance(one, PaymentEvent))

    def _told(self, event_type: str, session: SweptSession, about: object) -> PaymentEvent | Ignored | None:
        raw = msgspec.Raw(msgspec.json.encode(about))
        try:
            return sweep.as_event("show", event_type, session, raw, livemode=self._livemode)
        except InvalidPayloadError:
            return None


def _differences(record: Payment, session: Mapping[str, Any], news: Sequence[PaymentEvent]) -> Iterator[Difference]:
    ours = record.payment_intent_id
    if not session:
        named = f"no session {record.stripe_session_id}" if record.stripe_session_id else "no session for this payment"
        yield Difference(
            f"Stripe has {named}",
            "check that STRIPE_SECRET_KEY is of the account and mode in which the payment was made",
        )
    told = set()
    for event in news:
        change = change_for(record, event)
        what = moves(record, apply_change(record, event, change, "")) or "a refund failed"
        if change.outcome in CHANGES and what not in told:
            told.add(what)
            yield Difference(
                f"by Stripe's records: {what}",
                "the next run of the reconciler repairs what is new; what is older: "
                f"lea-payments replay --since 30d --payment {ours}",
            )
    if record.payment_status is Status.COMPLETED and session.get("payment_status") == "unpaid":
        yield Difference(
            f"the record says completed, Stripe's session {session.get('id')} says unpaid",
            "another session paid, or the record was changed by hand: compare stripe_payment_intent and the history",
        )


def _cut(kind: str, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: whole[name] for name in _SHOWN[kind] if whole.get(name) is not None}


def _seconds(moment: str | None) -> int | None:
    try:
        made = datetime.fromisoformat(moment) if moment else None
    except ValueError:
        return None
    if made is None:
        return None
    return int((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp())
