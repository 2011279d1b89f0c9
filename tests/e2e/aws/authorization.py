"""Decides whether a role's policy allows a call of DynamoDB."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.e2e.aws.credentials import CallError

PARTIQL = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
PARTIQL_ACTIONS = {
    "SELECT": "PartiQLSelect",
    "INSERT": "PartiQLInsert",
    "UPDATE": "PartiQLUpdate",
    "DELETE": "PartiQLDelete",
}


def check_allowed(
    role: str, operation: str, body: bytes, policies: Mapping[str, Mapping[str, Sequence[str]]]
) -> Sequence[str]:
    """The actions of the call. Raises CallError if the policy of the role lacks one of them."""
    call = json.loads(body)
    resource = "indexes" if call.get("IndexName") else "table"
    actions = list(_actions(operation, call))
    for action in actions:
        if action not in policies.get(role, {}).get(resource, ()):
            message = f"User: {role} is not authorized to perform: dynamodb:{action} on resource: {resource}"
            raise CallError("AccessDeniedException", message)
    return actions


def _actions(operation: str, call: Mapping[str, Any]) -> Iterator[str]:
    if operation not in PARTIQL:
        yield operation
        return
    statements = call.get("Statements") or call.get("TransactStatements") or [call]
    for statement in statements:
        yield PARTIQL_ACTIONS.get(statement["Statement"].split(maxsplit=1)[0].upper(), "PartiQLUnknown")
