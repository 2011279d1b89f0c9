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

    def create(self) -> None:
        """Creates the cluster, in place of one that an earlier run left."""
        self.delete()
        config = str(ROOT / "k8s-local" / "kind.yaml")
        self.run("kind", "create", "cluster", "--name", self.name, "--config", config, "--wait", "180s", seconds=420)

    def create_namespace(self, name: str) -> None:
        """Creates a namespace that enforces Pod Security `restricted`; safe to repeat."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in RESTRICTED}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("apply", "-f", "-", text=json.dumps(namespace))

    def load(self, *images: str) -> None:
        """Copies local images into the cluster."""
        self.run("kind", "load", "docker-image", "--name", self.name, *images)

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
