"""Defines the state of a payment's notification at one endpoint, and how an attempt changes it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

SECOND = 1000
"""In milliseconds, as all times here."""

PAUSES = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
"""In seconds, between two attempts; the last one repeats. The schedule of the Standard Webhooks specification."""

GIVE_UP_SECONDS = 3 * 24 * 3600
"""The time from the first failure after which a notification is dead-lettered: as long as Stripe retries ours."""

RETRY_AFTER_LIMIT = 3600
"""In seconds: a receiver can ask for a longer pause than the schedule's, but not for ever."""

POSTPONED_SECONDS = 10
"""The pause of a notification whose endpoint is busy with others. It is not an attempt."""


class Outcome(StrEnum):
    """The result of one attempt."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    REDIRECTED = "redirected"
    GONE = "gone"
    FAILED = "failed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


class Stage(StrEnum):
    """What happens next to a notification at one endpoint."""

    DUE = "due"
    DELIVERED = "delivered"
    GONE = "gone"
    DEAD_LETTERED = "dead_lettered"


class Attempt(NamedTuple):
    """The result of one attempt. `retry_after` is the pause that the receiver asks for, in seconds."""

    outcome: Outcome
    http_status: int | None = None
    retry_after: float = 0


class Delivery(msgspec.Struct, frozen=True):
    """The state at one endpoint. `version` was delivered last; the other fields are about the version `target`.

    Times are in milliseconds since 1970. `stage` is empty until the first attempt.
    """

    version: int | None = None
    target: int | None = None
    attempts: int = 0
    first_failure: int | None = None
    last_attempt: int | None = None
    next_attempt: int | None = None
    outcome: Outcome | None = None
    stage: Stage | None = None

    def is_outstanding(self, target: int) -> bool:
        """Whether this endpoint still has to get the version `target` or a later one."""
        if self.version is not None and self.version >= target:
            return False
        has_ended = self.stage in (Stage.GONE, Stage.DEAD_LETTERED)
        return not (has_ended and self.target is not None and self.target >= target)

    @property
    def is_dead_lettered(self) -> bool:
        """Whether the notification was given up."""
        return self.stage == Stage.DEAD_LETTERED

    def due_at(self, target: int) -> int:
        """When the next attempt is due. A newer version does not wait for the schedule of an older one."""
        return self.next_attempt or 0 if self.target is not None and self.target >= target else 0

    def postponed(self, target: int, now: int) -> "Delivery":
        """The state after an attempt that did not take place because the endpoint was busy."""
        return replace(self._towards(target), next_attempt=now + POSTPONED_SECONDS * SECOND, stage=Stage.DUE)

    def after(
        self, attempt: Attempt, version: int, target: int, now: int, pauses: Sequence[float] = PAUSES
    ) -> "Delivery":
        """The state after an attempt with the record's `version`."""
        before = self._towards(target)
        tried = replace(before, attempts=before.attempts + 1, last_attempt=now, outcome=attempt.outcome)
        if attempt.outcome is Outcome.DELIVERED:
            return replace(tried, version=version, first_failure=None, next_attempt=None, stage=Stage.DELIVERED)
        first_failure = before.first_failure or now
        failed = replace(tried, first_failure=first_failure)
        if attempt.outcome is Outcome.GONE:
            return replace(failed, next_attempt=None, stage=Stage.GONE)
        pause = max(pauses[min(before.attempts, len(pauses) - 1)], min(attempt.retry_after, RETRY_AFTER_LIMIT))
        next_attempt = now + int(pause * SECOND)
        if next_attempt - first_failure > GIVE_UP_SECONDS * SECOND:
            return replace(failed, next_attempt=None, stage=Stage.DEAD_LETTERED)
        return replace(failed, next_attempt=next_attempt, stage=Stage.DUE)

    def _towards(self, target: int) -> "Delivery":
        """This state with the counts of another target dropped."""
        return self if self.target == target else Delivery(version=self.version, target=target)
