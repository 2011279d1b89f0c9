"""Gives the calls to DynamoDB one fault after the other, from tests/support/faulty_dynamodb.py."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Mapping

from tests.support.faulty_dynamodb import (
    Answer,
    Call,
    Fault,
    Forward,
    cut_off,
    hanging_up,
    healthy,
    late,
    refusing,
    slow,
)

_BATCH = "BatchExecuteStatement"


def refusing_half(code: str) -> Fault:
    """Executes every second statement of a batch, and answers the others with a temporary error."""

    def fault(call: Call, forward: Forward) -> Answer:
        if call.operation != _BATCH:
            return forward(call)
        executed = call.statements[1::2]
        answers = iter(json.loads(forward(call.carrying(executed)).body)["Responses"] if executed else ())
        error = {"Error": {"Code": code, "Message": "not now"}}
        responses = [next(answers) if index % 2 else error for index in range(len(call.statements))]
        return Answer(200, json.dumps({"Responses": responses}).encode())

    return fault


FAULTS: Mapping[str, Fault] = {
    "healthy": healthy,
    "slow by 0.3 s": slow(0.3),
    "throttled": refusing(400, "ProvisionedThroughputExceededException"),
    "half a batch throttled": refusing_half("ThrottlingError"),
    "internal error": refusing(500, "InternalServerError"),
    "half a batch in conflict": refusing_half("TransactionConflict"),
    "executed, answered too late": late(2.5),
    "healthy again": healthy,
    "executed, answer cut off": cut_off,
    "half a batch over its throughput": refusing_half("ProvisionedThroughputExceeded"),
    "connection closed": hanging_up,
}


class RotatingFaults:
    """Gives each call the next fault, from whichever client it comes; `counts` has the calls by fault."""

    def __init__(self) -> None:
        self._names = itertools.cycle(FAULTS)
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def __call__(self, call: Call, forward: Forward) -> Answer:
        with self._lock:
            name = next(self._names)
            self.counts[name] += 1
        return FAULTS[name](call, forward)
