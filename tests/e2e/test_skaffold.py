"""What a developer types, as the README says it, on the cluster of these tests and in a copy of the project."""

import contextlib
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.cluster import Cluster, listens, until
from tests.e2e.payments import pay_at

NAMESPACE = "lea-payments"
FORWARDED = {8000, 8010, 8084, 8085, 8086, 8087, 9090, 16686}
SANDBOX = {"STRIPE_SECRET_KEY": "sk_test_e2e", "STRIPE_WEBHOOK_SECRET": "whsec_e2e"}
NO_SANDBOX = dict.fromkeys(SANDBOX, "")
NO_GRAFANA = {"GRAFANA": "off"}


@pytest.fixture(scope="module")
def project(cluster: Cluster, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project in another folder, where a test may edit them, and the namespaces of `make cluster`."""
    for namespace in (NAMESPACE, "monitoring"):
        cluster.make_namespace(namespace)
    copy = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(lambda name: (root / name).is_file(), listed.stdout.splitlines()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy / name, follow_symlinks=False)
    return copy


class Development:
    """`skaffold dev` as it runs, and what it says."""

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

    def said(self) -> str:
        """All of it so far; raises RuntimeError with it when Skaffold has ended too early."""
        text = self._log.read_text()
        if self._process.poll() is not None:
            raise RuntimeError(f"skaffold dev has ended:\n{text}")
        return text

    def addresses(self) -> dict[int, str]:
        """Where each port of a Service is on this machine: a busy one becomes another."""
        found = re.findall(r"remote port (\d+) -> (http://\S+)", self.said())
        # Skaffold says nothing of one that came about at the second try, when the first met a pod that was going away.
        same = {port: f"http://127.0.0.1:{port}" for port in FORWARDED}
        return same | {int(port): address for port, address in found}

    def watches(self) -> bool:
        """Whether everything is deployed and forwarded."""
        ports = [int(address.rpartition(":")[2]) for address in self.addresses().values()]
        return "Watching for changes" in self.said() and all(listens(port) for port in ports)

    def end(self) -> None:
        """As Ctrl-C ends it."""
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._process.kill()


@pytest.fixture(scope="module")
def development(cluster: Cluster, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    """A running `skaffold dev`; where Grafana's image is not to be had it could not be ready, so it is left out."""
    development = Development(cluster, project, tmp_path_factory.mktemp("skaffold") / "log")
    try:
        until(development.watches, "skaffold dev to watch for changes", 280)
        yield development
    finally:
        development.end()


def test_skaffold_dev_serves_a_payment_through_the_forwarded_ports(development: Development) -> None:
    at = development.addresses()

    _, session = pay_at(at[8084], at[8087], "demo-token")
    page = httpx.get(f"{at[8085]}/success", params={"session_id": session}, timeout=30)
    admin = httpx.get(at[8010], timeout=30)

    assert "Payment received" in page.text
    assert "lea-payments-local" in admin.text


def test_an_edited_file_reaches_the_running_pods_without_a_new_image(
    development: Development, cluster: Cluster, project: Path
) -> None:
    before = _pods(cluster)
    module = project / "services" / "lea_payments" / "web.py"
    text = module.read_text()
    assert '{"status": "ok"}' in text

    began = time.monotonic()
    module.write_text(text.replace('{"status": "ok"}', '{"status": "edited"}'))

    def edited(port: int) -> bool:
        return bool(httpx.get(f"{development.addresses()[port]}/health", timeout=5).json() == {"status": "edited"})

    until(lambda: all(edited(port) for port in (8084, 8085, 8086)), "the edit to be served", 60)
    print(f"\nan edit was served by all parts after {time.monotonic() - began:.1f} s")  # noqa: T201 - asked for
    assert _pods(cluster) == before


def test_ctrl_c_takes_everything_away_but_the_volume(development: Development, cluster: Cluster) -> None:
    development.end()

    until(lambda: not _pods(cluster), "the pods to be gone")
    assert cluster.get("-n", NAMESPACE, "persistentvolumeclaims")["items"]


def test_skaffold_render_prints_what_would_be_deployed(cluster: Cluster, project: Path) -> None:
    rendered = cluster.run("skaffold", "render", variables=NO_SANDBOX, folder=project, seconds=420)

    assert "kind: StatefulSet" in rendered
    assert "lea-payments-emulator" in rendered


def test_with_a_sandbox_in_the_environment_stripe_takes_the_emulators_place(cluster: Cluster, project: Path) -> None:
    _skaffold(cluster, project, "run", SANDBOX)
    deployments = cluster.get("-n", NAMESPACE, "deployments")["items"]
    names = {found["metadata"]["name"] for found in deployments}
    [mounted] = (
        volume["secret"]["secretName"]
        for found in deployments
        if found["metadata"]["name"] == "lea-payments-webhook"
        for volume in found["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    )
    _skaffold(cluster, project, "delete", SANDBOX)

    parts = ("webhook", "pages", "checkout", "reconciler", "dynamodb-admin")
    assert names == {f"lea-payments-{part}" for part in parts}
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
    """The names of the pods that are meant to stay."""
    found = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    return {pod["metadata"]["name"] for pod in found if pod["status"]["phase"] != "Succeeded"}
