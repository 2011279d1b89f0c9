"""Validates the faults that can be switched on."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stripe_emulator.reference.event_types import EVENT_TYPES
from stripe_emulator.validation import must_be, number, problems, whole_number

MAX_SECONDS, MAX_COPIES, MAX_HELD, MAX_SKEW = 3600, 20, 1000, 24 * 3600
MAX_SEED, MAX_TIMES = 2**63 - 1, 10**9
Status = Literal[400, 401, 402, 403, 404, 409, 429, 500, 502, 503, 504]
Drop = Literal["request", "response"]


class InvalidFaultsError(Exception):
    """Raised when faults are not valid. The message names every problem."""


def _known_event_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type", "is not an event type of this emulator")
    return name


Seconds = Annotated[float, number(0, MAX_SECONDS)]
Probability = Annotated[float, number(0, 1)]
ProbabilityOrFlag = Annotated[
    Probability, BeforeValidator(lambda value: float(value) if isinstance(value, bool) else value)
]
Seed = Annotated[int, whole_number(0, MAX_SEED)]
EventType = Annotated[str, AfterValidator(_known_event_type)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EventFaults(_Model):
    """Faults of the deliveries of events: a delay, further copies, and the probability of a loss."""

    delay_seconds: Seconds = 0.0
    duplicate: Annotated[int, whole_number(0, MAX_COPIES)] = 0
    drop: ProbabilityOrFlag = 0.0


class Reorder(_Model):
    """Deliveries are held until there are this many, and then sent one after the other in random order."""

    hold: Annotated[int, whole_number(2, MAX_HELD)] = Field(default=0, validate_default=True)
    seed: Seed = 0
    release_after_seconds: Seconds | None = None


class ApiFault(_Model):
    """Faults of API calls: an error status, a lost request, a lost response, or a delay."""

    status: Annotated[Status, must_be("one of 400, 401, 402, 403, 404, 409, 429, 500, 502, 503, 504")] | None = None
    drop: Annotated[Drop, must_be("request (not executed) or response (executed, answer lost)")] | None = None
    delay_seconds: Seconds = 0.0
    probability: Probability = 1.0
    times: Annotated[int, whole_number(1, MAX_TIMES)] | None = None
    path: Annotated[str, Field(pattern="^/"), must_be("the beginning of a path, such as /v1/checkout")] = "/v1/"
    stored: Annotated[bool, must_be("true or false")] = False
    retry_after: Annotated[int, whole_number(0, MAX_SECONDS)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in (self.status, self.drop) if kind is not None]
        if len(kinds) > 1 or not (kinds or self.delay_seconds):
            raise PydanticCustomError("one_kind", "needs one of status, drop, or delay_seconds alone")
        return self


class Faults(EventFaults):
    """All faults; by default there are none.

    `clock_seconds` moves the clock that signs deliveries: ahead if positive, back if negative.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"delay_seconds": 2, "duplicate": 1, "per_type": {"charge.refunded": {"drop": True}}},
                {"reorder": {"hold": 5, "seed": 1, "release_after_seconds": 3}},
                {"api_error": {"status": 500, "times": 2, "path": "/v1/checkout"}},
                {"drop": 0.1, "seed": 1, "clock_seconds": 600},
            ]
        }
    )

    per_type: dict[EventType, EventFaults] = {}
    reorder: Reorder | None = None
    api_error: ApiFault | None = None
    clock_seconds: Annotated[int, whole_number(-MAX_SKEW, MAX_SKEW)] = 0
    seed: Seed | None = None

    def of(self, event_type: str) -> EventFaults:
        """Return the faults of one event type: its own if it has any, otherwise those of all events."""
        every = EventFaults(delay_seconds=self.delay_seconds, duplicate=self.duplicate, drop=self.drop)
        return self.per_type.get(event_type, every)


def read(body: object) -> Faults:
    """Return the faults that this JSON describes, or raise an InvalidFaultsError."""
    try:
        return Faults.model_validate(body)
    except ValidationError as error:
        raise InvalidFaultsError("; ".join(map(str, problems(error)))) from error
