"""Decides when the next read of the payments that calls wait for may start."""

CALLS_PER_SECOND = 24
"""Of one pod, however many calls wait. 1,000 payments need 20; with more, each is looked at less often."""

ROUND_SECONDS = 0.5
"""The time from one look at a payment to the next, if that needs no more calls than are allowed."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 2.0
"""The pauses after calls that failed or that DynamoDB was too busy for: each is twice as long as the one before it."""


class Schedule:
    """The times of the next call and of the next round. All times are in seconds of one clock."""

    def __init__(self, calls_per_second: float = CALLS_PER_SECOND, round_seconds: float = ROUND_SECONDS) -> None:
        self._spacing = 1 / calls_per_second
        self._round_seconds = round_seconds
        self._next_call_at = self._next_round_at = float("-inf")
        self._pause = 0.0

    def delay(self, now: float, *, has_work: bool) -> float:
        """How long to wait before the next call. `has_work`: something must be read before the next round."""
        at = self._next_call_at if has_work else max(self._next_call_at, self._next_round_at)
        return max(0.0, at - now)

    def is_round_due(self, now: float) -> bool:
        """Whether the next round may start."""
        return now >= self._next_round_at

    def round_starts(self, now: float) -> None:
        """Plans the next round."""
        self._next_round_at = now + self._round_seconds

    def call_starts(self, now: float) -> None:
        """Plans the next call."""
        self._next_call_at = now + self._spacing

    def call_ended(self, now: float, *, complete: bool) -> None:
        """Plans a pause after a call whose result is not complete, and none after others."""
        if complete:
            self._pause = 0.0
            return
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._next_call_at = max(self._next_call_at, now + self._pause)
