"""Compares what the receiver got with the table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Line = Mapping[str, Any]
ACCEPTED = ("ok", "slow")
"""The modes in which the receiver keeps what it gets."""


class Verdict(NamedTuple):
    """The counts. Everything but `repeated`, `refused` and `unchecked` must be 0."""

    lost: Sequence[str]
    too_early: Sequence[Line]
    overtaken: Sequence[Line]
    unverified: Sequence[Line]
    wrong: Sequence[Line]
    repeated: int
    refused: int
    unchecked: int

    @property
    def problems(self) -> Sequence[str]:
        """One sentence for each kind of problem."""
        kinds = {
            "final states were lost": self.lost,
            "notifications came before their write": self.too_early,
            "notifications had another body than the first one with their id": self.wrong,
            "notifications of an older version began after a newer one was accepted": self.overtaken,
            "notifications had no valid signature": self.unverified,
        }
        return [f"{len(found)} {text}: {found[0]}" for text, found in kinds.items() if found]


def judge(lines: Iterable[Line], records: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """The verdict about all lines, in the order in which they were received."""
    by_payment: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_payment[line["payment_id"]].append(line)
    everything = [line for found in by_payment.values() for line in found]
    bodies: dict[str, Any] = {}
    return Verdict(
        lost=[name for name, record in records.items() if not _has_final(by_payment[name], record)],
        too_early=[line for line in everything if line["stored"] is not None and line["stored"] < line["version"]],
        overtaken=[line for found in by_payment.values() for line in _overtaken(found)],
        unverified=[line for line in everything if not line["verified"]],
        wrong=[line for line in everything if bodies.setdefault(line["id"], line["state"]) != line["state"]],
        repeated=repeated(everything),
        refused=sum(line["mode"] == "gone" for line in everything),
        unchecked=sum(line["stored"] is None for line in everything),
    )


def repeated(lines: Iterable[Line]) -> int:
    """How many notifications were accepted again."""
    counts = Counter(line["id"] for line in lines if line["mode"] in ACCEPTED)
    return sum(count - 1 for count in counts.values())


def _has_final(lines: Sequence[Line], record: Mapping[str, Any]) -> bool:
    """Whether the final state was accepted, or was refused for good."""
    state = [record["payment_status"], record.get("status_reason"), int(record.get("amount_refunded", 0))]
    return any(line["state"] == state and line["mode"] in (*ACCEPTED, "gone") for line in lines)


def _overtaken(lines: Sequence[Line]) -> Iterable[Line]:
    newest = -1
    for line in lines:
        if line["version"] < newest and line["mode"] == "ok":
            yield line
        newest = max(newest, line["version"])
