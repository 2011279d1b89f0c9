"""Checks the Skaffold commands of the README in a copy of the project."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cluster import Cluster, listens
from tests.e2e.load.payments import pay_at
from tests.support.secrets import signing_secret
from tests.support.waiting import until

NAMESPACE = "lea-payments"
FORWARDED = {8000, 8010, 8084, 8085, 8086, 8087, 9090, 16686}
SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_OfTheEndToEndTests", "STRIPE_WEBHOOK_SECRET": signing_secret("e2e")}
NO_SANDBOX = dict.fromkeys(SANDBOX, "")
NO_GRAFANA = {"GRAFANA": "off"}


@pytest.fixture(scope="module")
def project(cluster: Cluster, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that a test may edit, and the namespaces of `make cluster`."""
    for namespace in (NAMESPACE, "monitoring"):
        cluster.create_namespace(namespace)
    copy = tmp_path_factory.mktemp("project")
    git_files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(lambda name: (root / name).is_file(), git_files.stdout.splitlines()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy / name, follow_symlinks=False)
    return copy


class Development:
    """A running `skaffold dev` and its output."""

    def __init__(self, cluster: Cluster, project: Path, log: Path) -> None:
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                ["skaffold", "dev", "--kube-context", cluster.context],
                cwd=project,
                env={**cluster.environment, **NO_SANDBOX, **NO_GRAFANA},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def runs(self) -> bool:
        """Whether Skaffold has not ended."""
        return self._process.poll() is None

    def output(self) -> str:
        """The output so far; raises RuntimeError with it if Skaffold has ended."""
        text = self._log.read_text()
        if not self.runs():
            raise RuntimeError(f"skaffold dev has ended:\n{text}")
        return text

    def addresses(self) -> dict[int, str]:
        """The address of each forwarded port on this machine: Skaffold replaces a busy port by another."""
        forwarded = re.findall(r"remote port (\d+) -> (http://\S+)", self.output())
        # Skaffold prints nothing for a port that it forwarded at the second attempt, after a pod that was ending.
        same = {port: f"http://127.0.0.1:{port}" for port in FORWARDED}
        return same | {int(port): address for port, address in forwarded}

    def watches(self) -> bool:
        """Whether everything is deployed and forwarded."""
        ports = [int(address.rpartition(":")[2]) for address in self.addresses().values()]
        return "Watching for changes" in self.output() and all(listens(port) for port in ports)

    def end(self) -> None:
        """Ends Skaffold like Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._process.kill()


class Sessions:
    """Starts and ends `skaffold dev`; at most one runs at a time."""

    def __init__(self, start: Callable[[], Development]) -> None:
        self._start = start
        self._current: Development | None = None

    def running(self) -> Development:
        """The running session, or a new one that watches for changes."""
        if self._current is None or not self._current.runs():
            self._current = self._start()
            until(self._current.watches, "skaffold dev to watch for changes", 280)
        return self._current

    def end(self) -> None:
        """Ends the session, if one runs."""
        if self._current is not None:
            self._current.end()


@pytest.fixture(scope="module")
def sessions(cluster: Cluster, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """Sessions without Grafana, whose image some networks cannot pull."""
    sessions = Sessions(lambda: Development(cluster, project, tmp_path_factory.mktemp("skaffold") / "log"))
    try:
        yield sessions
    finally:
        sessions.end()


@pytest.fixture
def development(sessions: Sessions) -> Development:
    """A running `skaffold dev`."""
    return sessions.running()


def test_skaffold_dev_serves_a_payment_on_the_forwarded_ports(development: Development) -> None:
    at = development.addresses()

    _, session = pay_at(at[8084], at[8087], "demo-token")
    page = httpx.get(f"{at[8085]}/success", params={"session_id": session}, timeout=30)
    admin = httpx.get(at[8010], timeout=30)

    assert "Payment received" in page.text
    assert "lea-payments-local" in admin.text


def test_an_edited_file_reaches_the_pods_without_a_new_image(
    development: Development, cluster: Cluster, project: Path
) -> None:
    before = _pods(cluster)
    module = project / "services" / "lea_payments" / "serving" / "health.py"
    text = module.read_text()
    assert '{"status": "ok"}' in text

    start = time.monotonic()
    module.write_text(text.replace('{"status": "ok"}', '{"status": "edited"}'))

    def edited(port: int) -> bool:
        return bool(httpx.get(f"{development.addresses()[port]}/health", timeout=5).json() == {"status": "edited"})

    until(lambda: all(edited(port) for port in (8084, 8085, 8086)), "the edit to be served", 60)
    seconds = time.monotonic() - start
    print(f"\nall services served an edit after {seconds:.1f} s")
    assert _pods(cluster) == before


def test_ctrl_c_removes_everything_except_the_volume(development: Development, cluster: Cluster) -> None:
    development.end()

    until(lambda: not _pods(cluster), "the pods to be gone")
    assert cluster.get("-n", NAMESPACE, "persistentvolumeclaims")["items"]


def test_skaffold_render_prints_the_manifests(cluster: Cluster, project: Path) -> None:
    rendered = cluster.run("skaffold", "render", variables=NO_SANDBOX, folder=project, seconds=420)

    assert "kind: StatefulSet" in rendered
    assert "lea-payments-emulator" in rendered


def test_with_a_sandbox_stripe_replaces_the_emulator(sessions: Sessions, cluster: Cluster, project: Path) -> None:
    sessions.end()
    _skaffold(cluster, project, "run", SANDBOX)
    deployments = cluster.get("-n", NAMESPACE, "deployments")["items"]
    names = {one["metadata"]["name"] for one in deployments}
    [mounted] = (
        volume["secret"]["secretName"]
        for one in deployments
        if one["metadata"]["name"] == "lea-payments-webhook"
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    )
    _skaffold(cluster, project, "delete", SANDBOX)

    components = ("webhook", "pages", "checkout", "reconciler", "dynamodb-admin")
    assert names == {f"lea-payments-{component}" for component in components}
    assert mounted == "lea-payments-stripe"
    until(lambda: not _pods(cluster), "the pods to be gone")


def _skaffold(cluster: Cluster, project: Path, command: str, sandbox: dict[str, str]) -> str:
    return cluster.run(
        *("skaffold", command, "--kube-context", cluster.context),
        variables={**sandbox, **NO_GRAFANA},
        folder=project,
        seconds=420,
    )


def _pods(cluster: Cluster) -> set[str]:
    """The names of the pods, without finished ones."""
    pods = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    return {pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] != "Succeeded"}
