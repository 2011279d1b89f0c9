"""What may be made to go wrong, as checked values; makes nothing go wrong itself."""

from dataclasses import dataclass, field
from typing import Any, Literal

from stripe_emulator.reference.errors import Json
from stripe_emulator.reference.event_types import EVENT_TYPES

MAX_SECONDS, MAX_COPIES, MAX_HELD, MAX_SKEW = 3600.0, 20, 1000, 24 * 3600
STATUSES = (400, 402, 404, 409, 429, 500, 502, 503, 504)


class WrongFaultsError(Exception):
    """Raised with every sentence that says what is wrong with the faults asked for."""


@dataclass(frozen=True)
class EventFaults:
    """What happens to deliveries of events."""

    delay_seconds: float = 0.0
    duplicate: int = 0
    drop: float = 0.0


@dataclass(frozen=True)
class Reorder:
    """Deliveries are held until there are this many, then go out shuffled, one after the other."""

    hold: int
    seed: int = 0
    release_after_seconds: float | None = None


@dataclass(frozen=True)
class ApiFault:
    """What happens to API calls: an error status, a connection that breaks, or a pause."""

    status: int | None = None
    drop: Literal["request", "response"] | None = None
    delay_seconds: float = 0.0
    probability: float = 1.0
    times: int | None = None
    path: str = "/v1/"
    stored: bool = False
    retry_after: int | None = None


@dataclass(frozen=True)
class Faults:
    """Everything at once; the default is a Stripe that never fails.

    `clock_seconds` is how far the clock that signs deliveries is ahead, or behind when negative.
    """

    every: EventFaults = EventFaults()
    per_type: dict[str, EventFaults] = field(default_factory=dict)
    reorder: Reorder | None = None
    api_error: ApiFault | None = None
    clock_seconds: int = 0
    seed: int | None = None

    def of(self, event_type: str) -> EventFaults:
        """The faults of one type of event: its own, or else everybody's."""
        return self.per_type.get(event_type, self.every)


def read(asked: Any) -> Faults:
    """The faults this JSON asks for; every mistake is named."""
    reader = _Reader()
    body = reader.table("body", asked)
    event_keys = {name: body.pop(name) for name in ("delay_seconds", "duplicate", "drop") if name in body}
    per_type = reader.table("per_type", body.pop("per_type", {}))
    reorder, api_error, seed = body.pop("reorder", None), body.pop("api_error", None), body.pop("seed", None)
    faults = Faults(
        every=reader.event_faults("", event_keys),
        per_type={name: reader.event_faults(f"per_type.{name}.", value) for name, value in per_type.items()},
        reorder=None if reorder is None else reader.reorder(reorder),
        api_error=None if api_error is None else reader.api_fault(api_error),
        clock_seconds=reader.whole("clock_seconds", body.pop("clock_seconds", 0), -MAX_SKEW, MAX_SKEW),
        seed=None if seed is None else reader.whole("seed", seed, 0, 2**63 - 1),
    )
    reader.wrong.extend(f"no event is called {name}" for name in per_type if name not in EVENT_TYPES)
    reader.nothing_left("", body)
    if reader.wrong:
        raise WrongFaultsError("; ".join(reader.wrong))
    return faults


class _Reader:
    """Takes values apart and collects what is wrong with them."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def event_faults(self, where: str, value: Any) -> EventFaults:
        row = self.table(where.removesuffix(".") or "body", value)
        drop = row.pop("drop", 0)
        faults = EventFaults(
            delay_seconds=self.number(f"{where}delay_seconds", row.pop("delay_seconds", 0), MAX_SECONDS),
            duplicate=self.whole(f"{where}duplicate", row.pop("duplicate", 0), 0, MAX_COPIES),
            drop=float(drop) if isinstance(drop, bool) else self.number(f"{where}drop", drop, 1),
        )
        self.nothing_left(where, row)
        return faults

    def reorder(self, value: Any) -> Reorder:
        row = self.table("reorder", value)
        release = row.pop("release_after_seconds", None)
        rule = Reorder(
            hold=self.whole("reorder.hold", row.pop("hold", None), 2, MAX_HELD),
            seed=self.whole("reorder.seed", row.pop("seed", 0), 0, 2**63 - 1),
            release_after_seconds=None
            if release is None
            else self.number("reorder.release_after_seconds", release, MAX_SECONDS),
        )
        self.nothing_left("reorder.", row)
        return rule

    def api_fault(self, value: Any) -> ApiFault:
        row = self.table("api_error", value)
        status, drop, times = row.pop("status", None), row.pop("drop", None), row.pop("times", None)
        path, stored = row.pop("path", "/v1/"), row.pop("stored", False)
        retry_after = row.pop("retry_after", None)
        if status is not None and status not in STATUSES:
            self.wrong.append(f"api_error.status must be one of {', '.join(map(str, STATUSES))}")
        if drop not in (None, "request", "response"):
            self.wrong.append("api_error.drop must be request (not executed) or response (executed, answer lost)")
        if not isinstance(path, str) or not path.startswith("/"):
            self.wrong.append("api_error.path must be the beginning of a path, such as /v1/checkout")
        if not isinstance(stored, bool):
            self.wrong.append("api_error.stored must be true or false")
        delay = self.number("api_error.delay_seconds", row.pop("delay_seconds", 0), MAX_SECONDS)
        if (status is None) == (drop is None) and not (status is None and delay):
            self.wrong.append("api_error needs one of status, drop, or delay_seconds alone")
        fault = ApiFault(
            status=status,
            drop=drop,
            delay_seconds=delay,
            probability=self.number("api_error.probability", row.pop("probability", 1), 1),
            times=None if times is None else self.whole("api_error.times", times, 1, 10**9),
            path=path,
            stored=stored is True,
            retry_after=None
            if retry_after is None
            else self.whole("api_error.retry_after", retry_after, 0, int(MAX_SECONDS)),
        )
        self.nothing_left("api_error.", row)
        return fault

    def table(self, where: str, value: Any) -> Json:
        if isinstance(value, dict):
            return dict(value)
        self.wrong.append(f"{where} must be an object")
        return {}

    def number(self, where: str, value: Any, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            self.wrong.append(f"{where} must be a number from 0 to {most:g}")
            return 0.0
        return float(value)

    def whole(self, where: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong.append(f"{where} must be a whole number from {least} to {most}")
            return least
        return value

    def nothing_left(self, where: str, row: Json) -> None:
        self.wrong.extend(f"unknown field {where}{name}" for name in row)
