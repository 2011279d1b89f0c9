"""Faults for the DynamoDB proxy: slow, wrong, truncated and missing responses."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

MAXIMUM_HOLD_SECONDS = 20


class Call(NamedTuple):
    """One call of a client; `operation` is DynamoDB's name for it, and `port` identifies the client's connection."""

    operation: str
    body: bytes
    headers: dict[str, str]
    port: int = 0

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of a BatchExecuteStatement."""
        statements: list[dict[str, Any]] = json.loads(self.body)["Statements"]
        return statements

    def with_statements(self, statements: list[dict[str, Any]]) -> "Call":
        """The same call with only these statements."""
        return self._replace(body=json.dumps({"Statements": statements}).encode())


class CallResponse(NamedTuple):
    """The response to a call. The connection closes after `cut` bytes of the body; status 0 sends nothing."""

    status: int
    body: bytes
    cut: int | None = None


Forward = Callable[[Call], CallResponse]
Fault = Callable[[Call, Forward], CallResponse]
"""Responds to a call instead of DynamoDB. It may forward the call, change it, or ignore it."""


def healthy(call: Call, forward: Forward) -> CallResponse:
    """Forwards the call."""
    return forward(call)


def late_response(seconds: float) -> Fault:
    """Executes the call at once and delays the response."""

    def fault(call: Call, forward: Forward) -> CallResponse:
        response = forward(call)
        time.sleep(seconds)
        return response

    return fault


def slow(seconds: float) -> Fault:
    """Delays the execution of each call, so that writes queue behind the one in progress."""

    def fault(call: Call, forward: Forward) -> CallResponse:
        time.sleep(seconds)
        return forward(call)

    return fault


class WriteGate:
    """Holds all batches of writes until it opens, then executes them, even if the client no longer waits.

    `arrivals` and `executions` count the batches.
    """

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.arrivals = 0
        self.executions = 0

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        if call.operation != "BatchExecuteStatement":
            return forward(call)
        self.arrivals += 1
        self._opened.wait(MAXIMUM_HOLD_SECONDS)
        response = forward(call)
        self.executions += 1
        return response

    def open(self) -> None:
        """Lets all batches pass."""
        self._opened.set()


def truncated_response(call: Call, forward: Forward) -> CallResponse:
    """Executes the call, and closes the connection in the middle of the response."""
    response = forward(call)
    return response._replace(cut=len(response.body) // 2)


def first_batch_only(fault: Fault) -> Fault:
    """Applies the fault to the first batch of writes only."""
    remaining = iter([fault])

    def first(call: Call, forward: Forward) -> CallResponse:
        return next(remaining, healthy)(call, forward) if call.operation == "BatchExecuteStatement" else forward(call)

    return first


def first_calls(*first: Fault) -> Fault:
    """Applies each fault to one call, and none to the calls after that."""
    remaining = iter(first)

    def fault(call: Call, forward: Forward) -> CallResponse:
        return next(remaining, healthy)(call, forward)

    return fault


def closed_connection(call: Call, forward: Forward) -> CallResponse:
    """Closes the connection without executing the call."""
    del call, forward
    return CallResponse(0, b"", cut=0)


def error_response(status: int, code: str) -> Fault:
    """Responds to every call with this error, without executing it."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "not now"}).encode()
    return lambda _call, _forward: CallResponse(status, body)


def lost_error(status: int, code: str) -> Fault:
    """Executes every call, and responds with this error nevertheless."""
    error = error_response(status, code)

    def fault(call: Call, forward: Forward) -> CallResponse:
        forward(call)
        return error(call, forward)

    return fault


def lost_statement_errors(code: str) -> Fault:
    """Executes every batch, and responds with this error for each of its statements nevertheless."""

    def fault(call: Call, forward: Forward) -> CallResponse:
        forward(call)
        errors = [{"Error": {"Code": code, "Message": "not now"}}] * len(call.statements)
        return CallResponse(200, json.dumps({"Responses": errors}).encode())

    return fault


def fixed_response(status: int, body: bytes) -> Fault:
    """Responds to every call with these bytes, as a gateway might, without executing it."""
    return lambda _call, _forward: CallResponse(status, body)


def recovery_status(status: str) -> Fault:
    """Responds to calls about point-in-time recovery, which DynamoDB Local lacks, and forwards all others."""
    body = {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
        }
    }
    response = CallResponse(200, json.dumps(body).encode())
    operations = ("DescribeContinuousBackups", "UpdateContinuousBackups")
    return lambda call, forward: response if call.operation in operations else forward(call)


class Meter:
    """Forwards each call and adds up the capacity units that it consumed, of the table and of its indexes."""

    def __init__(self) -> None:
        self.units = 0.0
        self.calls: list[str] = []

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        body = json.loads(call.body) | {"ReturnConsumedCapacity": "INDEXES"}
        response = forward(call._replace(body=json.dumps(body).encode()))
        consumed = json.loads(response.body).get("ConsumedCapacity", [])
        self.calls.append(call.operation)
        self.units += sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
        return response

    def reset(self) -> None:
        """Starts to count again."""
        self.units = 0.0
        self.calls.clear()


def payment_of(statement: Mapping[str, Any]) -> str:
    """The payment id in a statement; in these tests it starts with `payment_`."""
    texts = [str(parameter.get("S")) for parameter in statement["Parameters"]]
    return next(text for text in texts if text.startswith("payment_"))


class StatementErrors:
    """Rejects the statements of some payments a number of times with one code, and executes all others.

    `remaining` has the number of rejections by payment id; `mixed_batches` counts the batches with both kinds.
    """

    def __init__(self, code: str, remaining: Mapping[str, int]) -> None:
        self._code = code
        self.remaining = dict(remaining)
        self.mixed_batches = 0

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        if call.operation != "BatchExecuteStatement":
            return forward(call)
        rejections = [self._rejects(payment_of(statement)) for statement in call.statements]
        accepted = [one for one, rejected in zip(call.statements, rejections, strict=True) if not rejected]
        responses = iter(json.loads(forward(call.with_statements(accepted)).body)["Responses"] if accepted else ())
        self.mixed_batches += bool(accepted) and any(rejections)
        error = {"Error": {"Code": self._code, "Message": "not now"}}
        merged = [error if rejected else next(responses) for rejected in rejections]
        return CallResponse(200, json.dumps({"Responses": merged}).encode())

    def _rejects(self, payment_id: str) -> bool:
        # Two batches with the same payment are never in flight together, so this needs no lock.
        self.remaining[payment_id] = self.remaining.get(payment_id, 0) - 1
        return self.remaining[payment_id] >= 0
