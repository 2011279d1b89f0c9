"""Selects and pages the objects of a list call."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.parameters import Integer, Parameters, Text
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account, Clock
from stripe_emulator.state.objects import listing

DEFAULT_LIMIT, MAX_LIMIT = 10, 100


class TimeRange(Parameters):
    """The bounds of a time: `created[gte]=…`. A single value, `created=…`, is `eq`."""

    gt: Integer | None = None
    gte: Integer | None = None
    lt: Integer | None = None
    lte: Integer | None = None
    eq: Integer | None = None

    def on(self, clock: Clock) -> Self:
        """Return the range with upper bounds on the emulator's clock."""
        upper = {"lt": self.lt, "lte": self.lte}
        return self.model_copy(
            update={name: clock.upper_bound(bound) for name, bound in upper.items() if bound is not None}
        )

    def contains(self, at: int) -> bool:
        """Return whether a time is within all bounds."""
        return (
            (self.gt is None or at > self.gt)
            and (self.gte is None or at >= self.gte)
            and (self.lt is None or at < self.lt)
            and (self.lte is None or at <= self.lte)
            and (self.eq is None or at == self.eq)
        )


class PageParameters(Parameters):
    """The parameters that select a page."""

    limit: Annotated[Integer, Field(ge=1, le=MAX_LIMIT)] | None = None
    starting_after: Text | None = None
    ending_before: Text | None = None


def _as_range(value: Any) -> Any:
    return value if isinstance(value, dict) else {"eq": value}


class ListParameters(PageParameters):
    """The parameters of every list call. A subclass adds fields that an object must equal."""

    created: Annotated[TimeRange, BeforeValidator(_as_range)] | None = None

    def matches(self, thing: Json) -> bool:
        """Return whether an object was created in the time range and equals all fields of the subclass."""
        own = type(self).model_fields.keys() - ListParameters.model_fields.keys()
        return (self.created is None or self.created.contains(thing.get("created", 0))) and all(
            getattr(self, name) in (None, thing.get(name)) for name in own
        )


def page(account: Account, call: ApiCall, kind: str, model: type[ListParameters] = ListParameters) -> Json:
    """Return a page of the objects of a kind, newest first."""
    params, everything = call.read(model), list(account.store.newest_first(kind))
    if params.created:
        params = params.model_copy(update={"created": params.created.on(account.clock)})
    return cut(call, params, [thing for thing in everything if params.matches(thing)], everything)


def cut(call: ApiCall, params: PageParameters, matches: list[Json], everything: list[Json] | None = None) -> Json:
    """Return the page of the matches that the parameters select.

    A cursor may be any object of `everything`: the object that ended one page may not match the filter any more.
    """
    limit, after, before = params.limit or DEFAULT_LIMIT, params.starting_after, params.ending_before
    if after and before:
        raise errors.invalid("You cannot use both `starting_after` and `ending_before`.", "ending_before")
    everything = matches if everything is None else everything
    if before:
        newer = _ids(everything[: _position(everything, before, "ending_before")])
        rest = [thing for thing in matches if thing["id"] in newer]
        return listing(call.path, rest[-limit:], has_more=len(rest) > limit)
    rest = matches
    if after:
        older = _ids(everything[_position(everything, after, "starting_after") + 1 :])
        rest = [thing for thing in matches if thing["id"] in older]
    return listing(call.path, rest[:limit], has_more=len(rest) > limit)


def _ids(things: list[Json]) -> set[str]:
    return {thing["id"] for thing in things}


def _position(things: list[Json], object_id: str, param: str) -> int:
    for position, thing in enumerate(things):
        if thing["id"] == object_id:
            return position
    raise errors.invalid(f"No such object: '{object_id}'", param, "resource_missing")
