"""Throttles log lines and traces: at most one per key and interval, or a few per key and second."""


class Throttle:
    """Limits the log lines that unauthenticated requests can cause."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next_at: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def count(self, key: str, now: float) -> int:
        """Counts one event of the key; returns the number since the last line if a line is due now, otherwise 0.

        `now` is in seconds of any clock that never goes back.
        """
        self._counts[key] = self._counts.get(key, 0) + 1
        if now < self._next_at.get(key, now):
            return 0
        self._next_at[key] = now + self._seconds
        return self._counts.pop(key)


class PerSecond:
    """Limits the log lines and traces of what is not verified, per key and second. Metrics count everything."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = 0
        self._counts: dict[str, int] = {}

    def allows(self, key: str, now: float) -> bool:
        """Counts one event of the key; returns whether it is within the limit. `now` is in seconds."""
        if int(now) != self._second:
            self._second = int(now)
            self._counts.clear()
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key] <= self._limit
