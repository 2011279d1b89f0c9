"""Finds the sessions of payments that wait for their money, and limits how often each of them is read."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from lea_payments.payment import facts
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.store.repairs import WAITING_DAYS

PAUSE_SECONDS = 3600.0
"""The sessions of one payment are read at most once in this time."""


def days(now: float) -> Iterator[str]:
    """The days since which a payment can be waiting, newest first; `now` is in seconds since 1970."""
    today = datetime.fromtimestamp(now, UTC).date()
    for age in range(WAITING_DAYS + 1):
        yield (today - timedelta(days=age)).isoformat()


def waiting_sessions(record: Payment) -> Sequence[str]:
    """The sessions that are complete and whose money has not arrived."""
    return [
        object_id
        for object_id, fact in record.facts.items()
        if fact.kind == Kind.SESSION and fact.state == facts.UNPAID and object_id.startswith("cs_")
    ]


class ReadTimes:
    """When the sessions of each waiting payment were last read, in this process; times are in seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: dict[str, float] = {}

    def due(self, payment_ids: Sequence[str]) -> Sequence[str]:
        """Those of all waiting payments that were not read within PAUSE_SECONDS, the one read longest ago first."""
        now = self._now()
        self._times = {one: self._times.get(one, 0.0) for one in payment_ids}
        due = (one for one, at in self._times.items() if now - at >= PAUSE_SECONDS)
        return sorted(due, key=self._times.__getitem__)

    def was_read(self, payment_id: str) -> None:
        """Records that the payment's sessions have just been read."""
        self._times[payment_id] = self._now()
