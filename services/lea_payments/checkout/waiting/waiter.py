"""Decides when a call that waits has its answer: when its payment is not as the caller knows it."""

import asyncio
from typing import NamedTuple

from lea_payments.payment.record import Payment, Status

KNOWN_SECONDS = 5.0
"""How long a record counts as current after it was looked at: two rounds, and the pauses after a few failures."""


class State(NamedTuple):
    """The fields of which every write changes at least one. A person or version 0.1.0 does not change the version."""

    version: int | None
    status: Status
    rank: int | None
    updated_at: str | None


def state_of(record: Payment) -> State:
    """The state of a record, of which only these fields must have been read."""
    return State(record.version, record.payment_status, record.status_rank, record.updated_at)


def version_of(record: Payment) -> int:
    """The published version: 0 if the record has none because no service has written it."""
    return max(0, record.version or 0)


class Waiter:
    """One call that waits. `after` is the version that the caller knows; without it, the first state that is read.

    `ended` is set when the call has its answer, which is `record`, or when it must not wait any longer.
    """

    __slots__ = ("_after", "_is_read", "_looked_at", "_state", "ended", "has_changed", "payment_id", "record")

    def __init__(self, payment_id: str, after: int | None = None) -> None:
        self.payment_id = payment_id
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.record: Payment | None = None
        self.has_changed = False
        self._after = after
        self._state: State | None = None
        self._is_read = False
        self._looked_at = float("-inf")

    def read(self, record: Payment | None, now: float) -> None:
        """Takes the whole record, or None if there is no such payment."""
        if record is None:
            self.has_changed = True
        elif self._is_read:
            self.has_changed = state_of(record) != self._state
        else:
            self.has_changed = self._after not in (None, version_of(record))
        self.record, self._state = record, None if record is None else state_of(record)
        self._is_read, self._looked_at = True, now
        if self.has_changed:
            self.end()

    def end(self) -> None:
        """Ends the wait."""
        if not self.ended.done():
            self.ended.set_result(None)

    def differs(self, record: Payment | None, now: float) -> bool:
        """Looks at the state of a record. If it is another one, the whole record must be read."""
        if not self._is_read:
            return False
        if record is None or state_of(record) != self._state:
            return True
        self._looked_at = now
        return False

    def is_current(self, now: float) -> bool:
        """Whether `record` is still the state of the payment, as far as one can know."""
        return self.has_changed or now - self._looked_at <= KNOWN_SECONDS
