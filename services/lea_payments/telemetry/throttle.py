"""Lets something through once in a while for each subject, and counts what it held back; pure, told the time."""


class Seldom:
    """For lines of log that a stranger can cause: however many there are, one a subject in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next_at: dict[str, float] = {}
        self._since: dict[str, int] = {}

    def pass_on(self, subject: str, now: float) -> int:
        """How often it came since it was last let through, this time included; 0 means not now."""
        self._since[subject] = self._since.get(subject, 0) + 1
        if now < self._next_at.get(subject, now):
            return 0
        self._next_at[subject] = now + self._seconds
        return self._since.pop(subject)
