"""Sends events from a pod during an operation, and checks that each is recorded exactly once."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.cluster import Cluster
from tests.e2e.load.records import Records

SENDER = (Path(__file__).parent / "sender.py").read_text()
OUTSIDE = "outside"
"""The namespace of the pod that sends."""

NEW, CAREFUL, CARELESS = "new", "careful", "careless"
"""The clients of sender.py."""


def check_results(result: Mapping[str, Any]) -> None:
    """Fails unless each event was answered 200 at its first try: pods were replaced, but never DynamoDB."""
    assert result["by_answer"] == {"200": result["events"]}, result


class Target(NamedTuple):
    """A release that receives events, and its table."""

    cluster: Cluster
    webhook: str
    secret: str
    records: Callable[[], AbstractContextManager[Records]]


class EventSender:
    """A pod that sends events at a steady rate during an operation on the release."""

    def __init__(self, target: Target, prefix: str, count: int, rate: float, clients: Sequence[str] = (NEW,)) -> None:
        self.target, self.prefix, self.count = target, prefix, count
        self._arguments = [target.webhook, target.secret, prefix, str(count), str(rate), ",".join(clients)]
        self._result: dict[str, Any] = {}

    def __call__(self, operation: Callable[[], None]) -> dict[str, Any]:
        """Runs the operation and returns the sender's counts; each event must be recorded exactly once."""
        ids = [f"{self.prefix}_{number}" for number in range(self.count)]
        with self.target.records() as records:
            records.put_all(ids)
        sender = threading.Thread(target=self._send)
        sender.start()
        time.sleep(5)
        try:
            operation()
        finally:
            sender.join()
            print(f"\n{self.prefix}: {self._result}")
        with self.target.records() as records:
            payments = records.get_all(ids)
        assert self._result["answered"] == self._result["events"] == self.count
        assert {(payment.payment_status, len(payment.history)) for payment in payments} == {("completed", 1)}
        assert len(payments) == self.count
        return self._result

    def _send(self) -> None:
        output = self.target.cluster.kubectl(
            *("-n", OUTSIDE, "exec", "-i", "probe", "--", "python", "-", *self._arguments), text=SENDER, seconds=400
        )
        self._result = json.loads(output.strip().splitlines()[-1])
