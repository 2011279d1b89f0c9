"""Replaces ids in an answer by their objects, as the parameter `expand` requests."""

import copy

from stripe_emulator.calls.parameters import Parameters, Texts
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import listing

MAX_DEPTH = 4


class ExpandParameters(Parameters):
    """The parameter that every call accepts."""

    expand: Texts | None = None


def expanded(account: Account, thing: Json, paths: list[str]) -> Json:
    """Return a copy of the answer in which the ids at these paths are replaced by their objects."""
    result = copy.deepcopy(thing)
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH or not _expand(account, result, steps):
            raise errors.invalid(f"This property cannot be expanded ({path}).", "expand")
    return result


def _expand(account: Account, node: Json, steps: list[str]) -> bool:
    first, *rest = steps
    if first == "data" and node.get("object") == "list":
        return bool(rest) and all(_expand(account, item, rest) for item in node["data"])
    if first not in node:
        inner = _inner_list(account, node, first)
        if inner is None:
            return False
        node[first] = inner
    if isinstance(node[first], str):
        node[first] = copy.deepcopy(account.store.find(node[first])) or node[first]
    if node[first] is None:
        return True
    return isinstance(node[first], dict) and (not rest or _expand(account, node[first], rest))


def _inner_list(account: Account, node: Json, name: str) -> Json | None:
    """Return a list that Stripe includes in an object only when it is expanded."""
    if (node.get("object"), name) == ("checkout.session", "line_items"):
        items = account.store.orders[node["id"]].items
        return listing(f"/v1/checkout/sessions/{node['id']}/line_items", copy.deepcopy(items))
    if (node.get("object"), name) == ("charge", "refunds"):
        refunds = [refund for refund in account.store.newest_first("refund") if refund["charge"] == node["id"]]
        return listing(f"/v1/charges/{node['id']}/refunds", copy.deepcopy(refunds))
    return None
