"""Runs kind, kubectl, helm and docker for the end-to-end tests, on a cluster of their own."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
TOOLS = ("docker", "kind", "kubectl", "helm", "skaffold")
RESTRICTED = ("enforce", "audit", "warn")
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
ON_CONTROL_PLANE = {
    "nodeSelector": {CONTROL_PLANE: ""},
    "tolerations": [{"key": CONTROL_PLANE, "effect": "NoSchedule"}],
}
"""Parts of a pod that must survive the drain of a worker."""


def missing_tools() -> str:
    """The missing tools and how to install them; empty if none is missing and Docker runs."""
    script = str(ROOT / "k8s-local" / "tools.sh")
    return subprocess.run(["bash", script, *TOOLS], capture_output=True, text=True, check=False).stderr


def third_party_images() -> list[str]:
    """The images of the chart and of the local stack, without Grafana, which these tests do not run."""
    script = str(ROOT / "k8s-local" / "images.sh")
    images = subprocess.run(["bash", script], capture_output=True, text=True, check=True).stdout.split()
    return [image for image in images if not image.startswith("grafana/")]


class Cluster:
    """One kind cluster, with its own kubeconfig, so that no other cluster is touched."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.context = f"kind-{name}"
        self.environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "HELM_CACHE_HOME": str(folder)}

    def run(
        self,
        *command: str,
        text: str | None = None,
        check: bool = True,
        seconds: float = 300,
        variables: Mapping[str, str] = MappingProxyType({}),
        folder: Path = ROOT,
    ) -> str:
        """Runs the command and returns its output; raises with the whole output if it fails."""
        environment = {**self.environment, **variables}
        result = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            timeout=seconds,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{result.stdout}\n{result.stderr}")
        return result.stdout if check else result.stdout + result.stderr

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """Runs kubectl and returns its output."""
        return self.run("kubectl", *arguments, **options)

    def helm(self, *arguments: str, **options: Any) -> str:
        """Runs helm and returns its output."""
        return self.run("helm", *arguments, **options)

    def get(self, *arguments: str) -> Any:
        """Runs `kubectl get` and returns its JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def create(self, *, anew: bool = True) -> None:
        """Creates the cluster, in place of one that an earlier run left, or uses that one."""
        if not anew and self.name in self.run("kind", "get", "clusters").split():
            self.run("kind", "export", "kubeconfig", "--name", self.name)
            return
        self.delete()
        config = str(Path(__file__).parent / "kind.yaml")
        self.run("kind", "create", "cluster", "--name", self.name, "--config", config, "--wait", "180s", seconds=420)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Creates or changes these objects."""
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def create_namespace(self, name: str, labels: Mapping[str, str] = MappingProxyType({})) -> None:
        """Creates a namespace that enforces Pod Security `restricted`; safe to repeat."""
        security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in RESTRICTED}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**security, **labels}}}
        )

    def describe(self, namespace: str) -> str:
        """What the cluster says about the pods of a namespace: their states, events and the ends of their logs."""
        pods = self.kubectl("-n", namespace, "get", "pods", "-o", "wide", check=False)
        events = self.kubectl("-n", namespace, "get", "events", "--sort-by=.lastTimestamp", check=False)
        names = self.kubectl("-n", namespace, "get", "pods", "-o", "name", check=False).split()
        logs = [f"{name}:\n{self.kubectl('-n', namespace, 'logs', name, '--tail=5', check=False)}" for name in names]
        return "\n".join([pods, *events.splitlines()[-30:], *logs])

    def connects(self, namespace: str, pod: str, host: str, port: int) -> bool:
        """Whether a process in the pod can open a TCP connection."""
        # The exit status carries the result: a traceback would repeat the text of the code.
        code = (
            f"import socket, sys; sys.exit(socket.socket().connect_ex((socket.gethostbyname({host!r}), {port})) and 3)"
        )
        timed = f"import socket; socket.setdefaulttimeout(4); {code}"
        output = self.kubectl("-n", namespace, "exec", pod, "--", "python", "-c", timed, check=False)
        assert not output or "exit code 3" in output, output
        return not output

    def rollout(self, namespace: str, *workloads: str) -> None:
        """Waits until all pods of the workloads, such as `deployment/x`, are the newest ones and ready."""
        for workload in workloads:
            self.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=240s")

    def load(self, *images: str, control_plane: bool = False) -> None:
        """Copies local images to the workers, and to the control plane if a pod there needs them."""
        nodes = self.run("kind", "get", "nodes", "--name", self.name).split()
        chosen = [node for node in nodes if control_plane or not node.endswith("-control-plane")]
        self.run("kind", "load", "docker-image", "--name", self.name, "--nodes", ",".join(chosen), *images)

    def delete(self) -> None:
        """Deletes the cluster if it exists."""
        self.run("kind", "delete", "cluster", "--name", self.name, check=False)

    @contextmanager
    def forward(self, namespace: str, target: str, port: int, ready_at: str | None = None) -> Iterator[str]:
        """Forwards a Service's port to this machine while the block runs, and yields its address."""
        local = free_port()
        command = ["kubectl", "-n", namespace, "port-forward", target, f"{local}:{port}"]
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                address = f"http://127.0.0.1:{local}"
                until(lambda: listens(local), f"{target}:{port} to be forwarded")
                if ready_at is not None:
                    until(lambda: httpx.get(address + ready_at).is_success, f"{target} to answer at {ready_at}")
                yield address
            finally:
                process.terminate()


def listens(port: int) -> bool:
    """Whether a process on this machine accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def build(target: str, tag: str, build_arguments: Sequence[str] = ()) -> str:
    """Builds a target of services/Dockerfile and returns the image's name."""
    command = ["docker", "build", "-q", "-f", "services/Dockerfile", "--target", target, "-t", tag]
    for argument in build_arguments:
        command += ["--build-arg", argument]
    subprocess.run([*command, "."], cwd=ROOT, check=True, capture_output=True, timeout=900)
    return tag
