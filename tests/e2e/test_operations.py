"""Checks that restarts, outages, upgrades and autoscaling lose no event on a real cluster."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, build
from tests.e2e.payments import pay
from tests.e2e.release import NAMESPACE, OUTSIDE, Release, records
from tests.support.waiting import until

SENDER = (Path(__file__).parent / "sender.py").read_text()
ALLOWED_RESULTS = {"200", "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected", "TimeoutError"}
"""The results of requests while pods are replaced: a 200, or a failed connection, after which Stripe sends again."""


class EventSender:
    """A pod that sends events at a steady rate during an operation on the release."""

    def __init__(self, release: Release, prefix: str, count: int, rate: float) -> None:
        self.release, self.prefix, self.count = release, prefix, count
        self._rate = rate
        self._result: dict[str, Any] = {}

    def __call__(self, operation: Callable[[], None]) -> dict[str, Any]:
        """Runs the operation and returns the sender's counts; each event must be recorded exactly once."""
        with self.release.at("dynamodb") as dynamodb, records(dynamodb) as table:
            for number in range(self.count):
                table.put(f"{self.prefix}_{number}")
        sender = threading.Thread(target=self._send)
        sender.start()
        time.sleep(5)
        operation()
        sender.join()
        with self.release.at("dynamodb") as dynamodb, records(dynamodb) as table:
            payments = [table.get(f"{self.prefix}_{number}") for number in range(self.count)]
        print(f"\n{self.prefix}: {self._result}")
        assert self._result["answered"] == self._result["events"] == self.count
        assert {(payment.payment_status, len(payment.history)) for payment in payments} == {("completed", 1)}
        return self._result

    def _send(self) -> None:
        host = f"{self.release.service('webhook')}.{NAMESPACE}:8086"
        secret = self.release.secret("webhookSecret")
        arguments = [host, secret, self.prefix, str(self.count), str(self._rate)]
        output = self.release.cluster.kubectl(
            *("-n", OUTSIDE, "exec", "-i", "probe", "--", "python", "-", *arguments), text=SENDER, seconds=400
        )
        self._result = json.loads(output.strip().splitlines()[-1])


def test_a_rolling_restart_loses_and_refuses_no_event(release: Release, probes: Cluster) -> None:
    def restart() -> None:
        name = release.objects("deployments", "webhook")[0]["metadata"]["name"]
        probes.kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{name}")
        probes.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=180s")

    result = EventSender(release, "restarted", 900, 15)(restart)

    assert set(result["by_answer"]) <= ALLOWED_RESULTS


def test_a_deleted_pod_loses_and_refuses_no_event(release: Release, probes: Cluster) -> None:
    def delete() -> None:
        probes.kubectl("-n", NAMESPACE, "delete", "pod", release.running_pod("webhook"), "--wait=true")

    result = EventSender(release, "deleted", 450, 15)(delete)

    assert set(result["by_answer"]) <= ALLOWED_RESULTS


def _refusal_milliseconds(release: Release) -> Iterator[float]:
    """Milliseconds that webhook logged for each delivery that it answered with 503."""
    for pod in release.objects("pods", "webhook"):
        log = release.cluster.kubectl("-n", NAMESPACE, "logs", pod["metadata"]["name"])
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        yield from (line["duration_ms"] for line in lines if line.get("outcome") == "unavailable")


def test_an_outage_of_dynamodb_costs_retries_and_no_event(release: Release, probes: Cluster) -> None:
    name = release.objects("statefulsets", "dynamodb")[0]["metadata"]["name"]

    def outage() -> None:
        probes.kubectl("-n", NAMESPACE, "scale", f"statefulset/{name}", "--replicas=0")
        time.sleep(20)
        probes.kubectl("-n", NAMESPACE, "scale", f"statefulset/{name}", "--replicas=1")
        probes.kubectl("-n", NAMESPACE, "rollout", "status", f"statefulset/{name}", "--timeout=180s")

    result = EventSender(release, "away", 450, 10)(outage)

    assert result["by_answer"]["503"] > 0
    # Each should take at most 7 s. A JVM that starts on the same two cores delays the requests of that moment.
    assert result["refused_within_7_s"] >= 0.9 * result["by_answer"]["503"]
    assert result["slowest_503"] < 10
    slowest = max(_refusal_milliseconds(release))
    print(f"away: by webhook's own clock, the slowest 503 took {slowest} ms")


def test_payments_survive_upgrade_rollback_and_reinstallation(release: Release) -> None:
    payment_id, _ = pay(release)
    second = [build("production", "lea-payments:e2e-2", ["REVISION=e2e-2"])]
    second.append(build("emulator", "lea-payments-emulator:e2e-2"))
    release.cluster.load(*second)
    images: list[str] = []

    def check() -> None:
        with release.at("dynamodb") as dynamodb, records(dynamodb) as table:
            assert table.get(payment_id).payment_status == "completed"
        [deployment] = release.objects("deployments", "webhook")
        images.append(deployment["spec"]["template"]["spec"]["containers"][0]["image"].rpartition("/")[2])

    release.install("e2e-2")
    check()
    release.rollback()
    check()
    release.uninstall()
    release.install("e2e-2")
    check()

    assert images == ["lea-payments:e2e-2", "lea-payments:e2e-1", "lea-payments:e2e-2"]
    pay(release)


def test_the_autoscaler_reports_the_cpu_usage(release: Release, root: Path) -> None:
    release.cluster.kubectl("apply", "-f", str(root / "k8s-local" / "metrics-server.yaml"))
    release.install_with_autoscaling()

    def has_usage() -> bool:
        [scaler] = release.objects("horizontalpodautoscalers", "webhook")
        metrics = scaler["status"].get("currentMetrics") or []
        return any("averageUtilization" in (one.get("resource", {}).get("current") or {}) for one in metrics)

    until(has_usage, "the autoscaler to report webhook's CPU usage", 240)
