"""How DynamoDB misbehaves under the webhook: the faults of tests/faulty_dynamodb.py, each in its turn."""

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
    """Does every second statement of a batch, and says of the others that they met a passing trouble."""

    def fault(call: Call, forward: Forward) -> Answer:
        if call.operation != _BATCH:
            return forward(call)
        done = call.statements[1::2]
        answers = iter(json.loads(forward(call.carrying(done)).body)["Responses"] if done else ())
        error = {"Error": {"Code": code, "Message": "not now"}}
        places = range(len(call.statements))
        return Answer(200, json.dumps({"Responses": [next(answers) if at % 2 else error for at in places]}).encode())

    return fault


TURNS: Mapping[str, Fault] = {
    "healthy": healthy,
    "slow by 0.3 s": slow(0.3),
    "throttled": refusing(400, "ProvisionedThroughputExceededException"),
    "half a batch throttled": refusing_half("ThrottlingError"),
    "broken inside": refusing(500, "InternalServerError"),
    "half a batch in conflict": refusing_half("TransactionConflict"),
    "done, answered too late": late(2.5),
    "still healthy": healthy,
    "done, answer cut off": cut_off,
    "half a batch over its throughput": refusing_half("ProvisionedThroughputExceeded"),
    "hung up": hanging_up,
}


class Weather:
    """Each call meets the next of the faults, whoever makes it; `met` counts them."""

    def __init__(self) -> None:
        self._turns = itertools.cycle(TURNS)
        self._lock = threading.Lock()
        self.met: Counter[str] = Counter()

    def __call__(self, call: Call, forward: Forward) -> Answer:
        with self._lock:
            name = next(self._turns)
            self.met[name] += 1
        return TURNS[name](call, forward)
