"""A kind cluster of its own for the end-to-end tests, and the commands that people use on one."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
TOOLS = ("docker", "kind", "kubectl", "helm", "skaffold")
RESTRICTED = ("enforce", "audit", "warn")
THIRD_PARTY_IMAGES = (
    *("amazon/dynamodb-local:3.1.0", "aaronshaf/dynamodb-admin:5.3.3"),
    *("prom/prometheus:v3.16.0", "jaegertracing/jaeger:2.13.0"),
)


def missing_tools() -> str:
    """What is not there, with where to get it; nothing when all is there and Docker runs."""
    script = str(ROOT / "k8s-local" / "tools.sh")
    return subprocess.run(["bash", script, *TOOLS], capture_output=True, text=True, check=False).stderr


class Cluster:
    """One kind cluster, with a kubeconfig of its own, so that nobody's other cluster is touched."""

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
        """What the command prints; raises with all that it said when it fails."""
        environment = {**self.environment, **variables}
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """What kubectl prints."""
        return self.run("kubectl", *arguments, **options)

    def helm(self, *arguments: str, **options: Any) -> str:
        """What helm prints."""
        return self.run("helm", *arguments, **options)

    def get(self, *arguments: str) -> Any:
        """Objects as kubectl gives them in JSON."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def create(self) -> None:
        """A new cluster with the images that the chart needs."""
        self.delete()
        config = str(ROOT / "k8s-local" / "kind.yaml")
        self.run("kind", "create", "cluster", "--name", self.name, "--config", config, "--wait", "180s", seconds=420)

    def make_namespace(self, name: str) -> None:
        """A namespace that enforces Pod Security `restricted`; safe to repeat."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in RESTRICTED}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("apply", "-f", "-", text=json.dumps(namespace))

    def load(self, *images: str) -> None:
        """Makes local images known to the cluster."""
        self.run("kind", "load", "docker-image", "--name", self.name, *images)

    def delete(self) -> None:
        """Removes the cluster if it is there."""
        self.run("kind", "delete", "cluster", "--name", self.name, check=False)

    @contextmanager
    def forward(self, namespace: str, target: str, port: int, ready_at: str | None = None) -> Iterator[str]:
        """The address of a Service's port on this machine, for as long as the block runs."""
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
    """Whether somebody accepts connections there on this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Waits until it holds; raises AssertionError that names what was waited for."""
    deadline = time.monotonic() + seconds
    problem: object = "not yet"
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (httpx.HTTPError, AssertionError, LookupError, OSError) as error:
            problem = error
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds:.0f} s for {what}: {problem}")


def build(target: str, tag: str, build_arguments: Sequence[str] = ()) -> str:
    """Builds a target of our Dockerfile and gives the image's name."""
    command = ["docker", "build", "-q", "-f", "services/Dockerfile", "--target", target, "-t", tag]
    for argument in build_arguments:
        command += ["--build-arg", argument]
    subprocess.run([*command, "."], cwd=ROOT, check=True, capture_output=True, timeout=900)
    return tag
