"""Injects one fault after the other into the calls to DynamoDB."""

import json
import random
import threading
from collections import Counter
from collections.abc import Mapping

from tests.support.dynamodb_faults import (
    Call,
    CallResponse,
    Fault,
    Forward,
    closed_connection,
    error_response,
    healthy,
    late_response,
    slow,
    truncated_response,
)

_BATCH = "BatchExecuteStatement"


def half_rejected(code: str) -> Fault:
    """Executes every second statement of a batch, and answers the others with a temporary error."""

    def fault(call: Call, forward: Forward) -> CallResponse:
        if call.operation != _BATCH:
            return forward(call)
        executed = call.statements[1::2]
        answers = iter(json.loads(forward(call.with_statements(executed)).body)["Responses"] if executed else ())
        error = {"Error": {"Code": code, "Message": "not now"}}
        responses = [next(answers) if index % 2 else error for index in range(len(call.statements))]
        return CallResponse(200, json.dumps({"Responses": responses}).encode())

    return fault


FAULTS: Mapping[str, Fault] = {
    "healthy": healthy,
    "slow by 0.3 s": slow(0.3),
    "throttled": error_response(400, "ProvisionedThroughputExceededException"),
    "half a batch throttled": half_rejected("ThrottlingError"),
    "internal error": error_response(500, "InternalServerError"),
    "half a batch in conflict": half_rejected("TransactionConflict"),
    "executed, answered too late": late_response(2.5),
    "healthy again": healthy,
    "executed, answer cut off": truncated_response,
    "half a batch over its throughput": half_rejected("ProvisionedThroughputExceeded"),
    "connection closed": closed_connection,
}


class RotatingFaults:
    """Applies the next fault to each call, regardless of the client; `counts` has the number of calls by fault.

    Each round has every fault once, in random order: in a fixed order, the retries of a delivery can meet the same
    faults again and again.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._round: list[str] = []
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        with self._lock:
            self._round = self._round or self._random.sample(list(FAULTS), len(FAULTS))
            name = self._round.pop()
            self.counts[name] += 1
        return FAULTS[name](call, forward)
