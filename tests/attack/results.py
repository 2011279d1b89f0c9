"""Formats the results of a run: as the cells of the table, and as the record for the documents."""

import datetime as dt
from collections.abc import Mapping, Sequence

from tests.attack.attack import ANSWER_SECONDS, LATE_SHARE, AttackResult, Measurement, p99

COLUMNS: Mapping[str, str] = {
    "length": "the time from the start of the attack to its end",
    "good events": "good events that were sent during the attack; all were answered with 200",
    "p99": "99 of 100 good events were answered within this time",
    "slowest": f"the time of the slowest good event. The limit is {ANSWER_SECONDS:g} s (7 s while DynamoDB is frozen); "
    f"{LATE_SHARE:.0%} of the good events may be later, and as many more as at the webhook that nobody attacks",
    "control p99": "the p99 of the same events at a webhook that nobody attacks, on the same machine",
    "memory": "the largest peak of a process; the chart's limit is 384 MiB",
    "log": "the growth of all logs, good events included; the limit is 64 KiB/s",
}
"""The measurements of an attack, with their meaning."""


def cells(measured: Measurement) -> Sequence[str]:
    """The measurements in the order of the columns."""
    good, control = measured.good, measured.control
    return (
        f"{measured.seconds:.1f} s",
        f"{len(good):,}",
        f"{p99(good) * 1000:.0f} ms",
        f"{max(good, default=0) * 1000:.0f} ms",
        f"{p99(control) * 1000:.0f} ms",
        f"{max(memory.peak for memory in measured.memory) / 2**20:.0f} MiB",
        f"{measured.log_rate / 1024:.0f} KiB/s",
    )


def record_of(results: Sequence[AttackResult], machine: str, seconds: float) -> Mapping[str, object]:
    """The results of a run, as JSON for `make docs`. Raises ValueError if an attack has failed."""
    if failed := [result.attack.name for result in results if result.problems]:
        raise ValueError(f"nothing was recorded, because these attacks failed: {', '.join(failed)}")
    attacks = [
        {
            "name": result.attack.name,
            "observation": result.observation,
            **dict(zip(COLUMNS, cells(result.measurement), strict=True)),
        }
        for result in results
    ]
    date = f"{dt.datetime.now(tz=dt.UTC):%-d %B %Y}"
    return {"machine": machine, "date": date, "duration": f"{seconds / 60:.0f} minutes", "attacks": attacks}
