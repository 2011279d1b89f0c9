"""Defines an attack and its measurements, and judges them: pure, so that unit tests show what fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tests.attack.markers import leaks
from tests.attack.stream import GoodAnswer

if TYPE_CHECKING:
    from tests.attack.context import AttackContext

ANSWER_SECONDS = 1.0
"""Within this time every good event has to be answered."""

LATE_SHARE = 0.01
"""Of the good events. More may be late only if as many were late at the webhook that nobody attacks."""

LOG_LIMIT = 64 * 1024
"""In bytes per second, of all services together; the good events alone write about 20 KiB."""

TRACES = "the traces"
FORBIDDEN_LINES = ("Traceback (most recent call last)", "exceeded the graceful", "Exception in callback")


class Attack(NamedTuple):
    """One attack. `execute` returns what it observed; `limit` is the promise, with its numbers, in one sentence."""

    name: str
    asset: str
    description: str
    limit: str
    execute: "Callable[[AttackContext], str]"
    answer_seconds: float = ANSWER_SECONDS


class Memory(NamedTuple):
    """The peak memory of one process, and the chart's limit for its pod, both in bytes."""

    service: str
    peak: int
    limit: int


class Measurement(NamedTuple):
    """What was measured during one attack. `outputs` has all text that the services wrote, by its source."""

    seconds: float
    answers: Sequence[GoodAnswer]
    memory: Sequence[Memory]
    log_bytes: int
    outputs: Mapping[str, str]

    @property
    def good(self) -> list[float]:
        """The times of the good events at the attacked webhook, in order."""
        return sorted(answer.seconds for answer in self.answers if not answer.is_control)

    @property
    def control(self) -> list[float]:
        """The times at the webhook that nobody attacks, in order."""
        return sorted(answer.seconds for answer in self.answers if answer.is_control)

    @property
    def log_rate(self) -> float:
        """The bytes per second in the logs."""
        return self.log_bytes / self.seconds


class AttackResult(NamedTuple):
    """The result of an attack; it fails with any problem. `skipped` has the parts that did not run, and why."""

    attack: Attack
    observation: str
    measurement: Measurement
    problems: Sequence[str]
    skipped: Sequence[str]


def judge(measured: Measurement, answer_seconds: float = ANSWER_SECONDS) -> Iterator[str]:
    """Yields one sentence for each general limit that did not hold."""
    refused = [answer.status for answer in measured.answers if not answer.is_control and answer.status != 200]
    if not measured.good:
        yield "no good event was sent: the attack proves nothing"
    if refused:
        yield f"{len(refused)} of {len(measured.good)} good events got no 200, but {sorted(set(refused))}"
    late, late_control = _late(measured.good, answer_seconds), _late(measured.control, answer_seconds)
    if late > late_control + LATE_SHARE * len(measured.good):
        yield (
            f"{late} of {len(measured.good)} good events were answered after more than {answer_seconds:g} s, "
            f"and {late_control} at the webhook that nobody attacks"
        )
    for service, peak, limit in measured.memory:
        if peak > limit:
            yield f"{service} used {peak / 2**20:.0f} MiB; its pod may use {limit / 2**20:.0f} MiB"
    if measured.log_rate > LOG_LIMIT:
        yield f"the logs grew by {measured.log_rate / 1024:.0f} KiB/s; the limit is {LOG_LIMIT / 1024:.0f} KiB/s"
    yield from leaks(measured.outputs)
    for source, text in measured.outputs.items():
        if source == TRACES:  # a span may record the exception of a refused delivery
            continue
        yield from (f"{source} contains {line!r}" for line in FORBIDDEN_LINES if line in text)


def p99(times: Sequence[float]) -> float:
    """The 99th percentile of sorted times; 0 if there are none."""
    return times[int(0.99 * (len(times) - 1))] if times else 0.0


def _late(times: Sequence[float], limit: float) -> int:
    return sum(time > limit for time in times)
