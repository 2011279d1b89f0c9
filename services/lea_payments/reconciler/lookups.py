"""Limits how many sessions a run looks up at Stripe, and remembers the answers between runs."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lea_payments.payment.event import PaymentEvent
from lea_payments.store.repairs import Sessions
from lea_payments.stripe import facts

LOOKUPS_PER_RUN = 300
"""One minute at five calls a second, of the five minutes between two runs."""

NO_LIMIT = math.inf

ANSWER_SECONDS = 3600.0
"""The age after which an answer is read again."""

MAX_ANSWERS = 10_000
"""The number of answers that are kept; most of them are empty."""


class _Answer(NamedTuple):
    at: float
    sessions: Sequence[PaymentEvent]


class SessionLookups:
    """Finds the sessions of PaymentIntents. Most PaymentIntents that no record knows belong to other systems.

    An answer stays useful without a payment: its sessions also lead to a record that is created later. Old answers
    are read again with only half of the calls, so that they never keep unknown PaymentIntents from their turn.
    """

    def __init__(self, stripe: Sessions, now: Callable[[], float], limit: float = LOOKUPS_PER_RUN) -> None:
        """The limit holds for each run; `now` is in seconds since 1970."""
        self._stripe = stripe
        self._now = now
        self._limit = limit
        self._answers: dict[str, _Answer] = {}
        self._calls = 0
        self._left: set[str] = set()

    @property
    def left(self) -> int:
        """The number of PaymentIntents that this run has left to the next one."""
        return len(self._left)

    def start_run(self) -> None:
        """Allows the next run its calls."""
        self._calls = 0
        self._left.clear()

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        """The sessions of a PaymentIntent, as remembered; other objects are always read. Raises StripeCallError."""
        if object_type != facts.SESSION:
            return await self._stripe.objects_of_intent(object_type, intent_id)
        known = self._answers.get(intent_id)
        if known and self._now() - known.at < ANSWER_SECONDS:
            return known.sessions
        if self._calls >= (self._limit / 2 if known else self._limit):
            return known.sessions if known else self._leave(intent_id)
        self._calls += 1
        sessions = await self._stripe.objects_of_intent(object_type, intent_id)
        self._remember(intent_id, sessions)
        return sessions

    def _leave(self, intent_id: str) -> Sequence[PaymentEvent]:
        self._left.add(intent_id)
        return ()

    def _remember(self, intent_id: str, sessions: Sequence[PaymentEvent]) -> None:
        self._answers.pop(intent_id, None)  # the newest answer is the last one
        self._answers[intent_id] = _Answer(self._now(), sessions)
        if len(self._answers) > MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
