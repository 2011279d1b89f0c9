"""Replaces the table and Stripe for unit tests of the checkout service, and makes the facts of their events."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.facts import Fact, Kind, with_fact
from lea_payments.payment.record import Payment
from lea_payments.store.errors import ConflictError
from lea_payments.stripe.checkout_sessions import CheckoutSession, idempotency_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAYMENT = Payment(
    payment_intent_id="payment_1",
    user_id="user_1",
    quote_id="quote_1",
    amount=12000,
    currency="sgd",
    product_name="Travel insurance",
)
PENDING = replace(PAYMENT, checkout_attempt=1, checkout_attempt_at="2025-12-31T20:00:00.000Z")


def session(state: str, attempt: int | None = 1, amount: int = 12000, intent: str = "pi_1") -> Fact:
    """What an event reports about a session."""
    return Fact(kind=Kind.SESSION, state=state, attempt=attempt, amount=amount, currency="sgd", intent=intent)


async def switch_task() -> None:
    """Lets other tasks run."""
    await asyncio.sleep(0)


class Table:
    """A table with at most one payment. A change fails if the record has changed since it was read."""

    def __init__(self, record: Payment | None = None) -> None:
        self.record = record

    async def create(self, payment: Payment) -> Payment:
        await switch_task()
        if self.record is None:
            self.record = payment
        return self.record

    async def get(self, _: str) -> Payment | None:
        await switch_task()
        return self.record

    async def change_checkout(self, record: Payment, **fields: Any) -> Payment:
        await switch_task()
        if self.record != record:
            raise ConflictError
        self.record = changes.derive(replace(record, **fields))
        return self.record

    @property
    def current(self) -> Payment:
        assert self.record
        return self.record

    def learn(self, object_id: str, fact: Fact) -> None:
        """An event reports a fact."""
        self.record = changes.derive(replace(self.current, facts=with_fact(self.current.facts, object_id, fact)))


class FakeStripe:
    """Sessions by their idempotency key. `before_create` and `before_expire` run before each call and can raise."""

    def __init__(
        self,
        before_create: Callable[[], Awaitable[None]] = switch_task,
        before_expire: Callable[[], Awaitable[None]] = switch_task,
    ) -> None:
        self.sessions: dict[str, CheckoutSession] = {}
        self.before_create = before_create
        self.before_expire = before_expire

    async def create(self, record: Payment) -> CheckoutSession:
        await self.before_create()
        number = len(self.sessions) + 1
        new = CheckoutSession(f"cs_{number}", "open", f"https://pay.example/{number}", 1767300000)
        return self.sessions.setdefault(idempotency_key(record), new)

    async def find(self, session_id: str) -> CheckoutSession | None:
        await switch_task()
        return next((one for one in self.sessions.values() if one.id == session_id), None)

    async def expire(self, session_id: str) -> CheckoutSession | None:
        await self.before_expire()
        session = await self.find(session_id)
        if session is not None and session.status == "open":
            session = dataclasses.replace(session, status="expired", url="")
            self.sessions = {key: session if one.id == session_id else one for key, one in self.sessions.items()}
        return session

    def end(self, status: str) -> None:
        self.sessions = {key: dataclasses.replace(one, status=status, url="") for key, one in self.sessions.items()}


def once(error: Exception) -> Callable[[], Awaitable[None]]:
    """A call that fails with this error the first time."""
    errors = [error]

    async def fail_once() -> None:
        await switch_task()
        if errors:
            raise errors.pop()

    return fail_once
