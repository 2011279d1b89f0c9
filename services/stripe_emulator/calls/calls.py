"""One API call as endpoints see it, and the answers they share: pages of lists, expansion; no HTTP in it."""

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass

from stripe_emulator.calls.params import Params
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import listing

DEFAULT_LIMIT, MAX_LIMIT = 10, 100
MAX_EXPAND_DEPTH = 4
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
}


@dataclass(frozen=True)
class Call:
    """What was asked: the id in the path, if any, and the parameters."""

    path: str
    params: Params
    id: str = ""


Endpoint = Callable[[Account, Call], Json]


def page(account: Account, call: Call, kind: str, equal: dict[str, str | None] | None = None, **more: object) -> Json:
    """A page of the objects whose fields equal what the caller filters by, newest first."""
    wanted = {name: value for name, value in ((equal or {}) | more).items() if value is not None}
    keep_created = created_filter(call.params.raw("created"), call.params.name("created"))
    everything = list(account.store.newest_first(kind))
    found = [
        thing
        for thing in everything
        if keep_created(thing.get("created", 0)) and all(thing.get(name) == value for name, value in wanted.items())
    ]
    return cut(call, found, everything)


def cut(call: Call, found: list[Json], everything: list[Json] | None = None) -> Json:
    """The part of a list that limit, starting_after and ending_before ask for.

    A cursor may be any of `everything`: what passed the filters on one page may pass them no more on the next.
    """
    params = call.params
    limit = params.integer("limit", minimum=1, maximum=MAX_LIMIT) or DEFAULT_LIMIT
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise errors.invalid("You cannot use both `starting_after` and `ending_before`.", "ending_before")
    everything = found if everything is None else everything
    if before:
        ahead = _ids(everything[: _place(everything, before, "ending_before")])
        rest = [thing for thing in found if thing["id"] in ahead]
        return listing(call.path, rest[-limit:], has_more=len(rest) > limit)
    rest = found
    if after:
        behind = _ids(everything[_place(everything, after, "starting_after") + 1 :])
        rest = [thing for thing in found if thing["id"] in behind]
    return listing(call.path, rest[:limit], has_more=len(rest) > limit)


def _ids(things: list[Json]) -> set[str]:
    return {thing["id"] for thing in things}


def _place(found: list[Json], object_id: str, param: str) -> int:
    for place, thing in enumerate(found):
        if thing["id"] == object_id:
            return place
    raise errors.invalid(f"No such object: '{object_id}'", param, "resource_missing")


def created_filter(value: object, name: str) -> Callable[[int], bool]:
    """`created=…` or `created[gte]=…`, as a test of a time."""
    if value is None:
        return lambda _: True
    bounds = Params(value if isinstance(value, dict) else {"eq": value}, name)
    limits = [(test, bounds.integer(key)) for key, test in COMPARISONS.items()]
    bounds.finish()
    return lambda at: all(bound is None or test(at, bound) for test, bound in limits)


def expanded(account: Account, thing: Json, paths: list[str]) -> Json:
    """A copy of the answer with the ids at these paths replaced by their objects."""
    result = copy.deepcopy(thing)
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_EXPAND_DEPTH or not _expand(account, result, steps):
            raise errors.invalid(f"This property cannot be expanded ({path}).", "expand")
    return result


def _expand(account: Account, node: Json, steps: list[str]) -> bool:
    first, *rest = steps
    if first == "data" and node.get("object") == "list":
        return bool(rest) and all(_expand(account, item, rest) for item in node["data"])
    if first not in node:
        inner = included(account, node, first)
        if inner is None:
            return False
        node[first] = inner
    if isinstance(node[first], str):
        node[first] = copy.deepcopy(account.store.find(node[first])) or node[first]
    if node[first] is None:
        return True
    return isinstance(node[first], dict) and (not rest or _expand(account, node[first], rest))


def included(account: Account, node: Json, name: str) -> Json | None:
    """Lists that Stripe shows inside an object only when asked."""
    if (node.get("object"), name) == ("checkout.session", "line_items"):
        items = account.store.orders[node["id"]].items
        return listing(f"/v1/checkout/sessions/{node['id']}/line_items", copy.deepcopy(items))
    if (node.get("object"), name) == ("charge", "refunds"):
        refunds = [refund for refund in account.store.newest_first("refund") if refund["charge"] == node["id"]]
        return listing(f"/v1/charges/{node['id']}/refunds", copy.deepcopy(refunds))
    return None
