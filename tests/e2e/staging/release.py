"""Follows the section "Staging" of docs/kubernetes.md and adds only what the stand-in needs."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.e2e.aws import objects
from tests.e2e.aws.stand_in import Aws
from tests.e2e.load.events import Target

NAMESPACE, NAME = "payments", "lea-payments"
SERVICES = ("webhook", "pages", "checkout")
"""The services with at least two pods."""

NONE: Mapping[str, str] = MappingProxyType({})
CA = "/etc/company-ca"
API_KEY = "rk_test_0123456789abcdefABCDEF01"


class Staging:
    """The release of the documented commands."""

    def __init__(self, aws: Aws, root: Path) -> None:
        self.aws, self.cluster = aws, aws.cluster
        self._folder = root
        document = (root / "docs" / "kubernetes.md").read_text()
        section = re.split(r"^## ", document.partition("\n## Staging\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
        blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        self.commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]

    def prepare(self) -> None:
        """Creates the namespace and the Secrets as documented, and the CA of the stand-in."""
        self.cluster.kubectl("delete", "--ignore-not-found", "namespace", NAMESPACE)
        self.cluster.create_namespace(NAMESPACE, {objects.ROLES: "true"})
        secret, checkout = (command for command in self.commands if "create secret" in command)
        values = {"whsec_...": self.aws.webhook_secret, "rk_test_...": API_KEY}
        for placeholder, value in values.items():
            assert placeholder in secret
            secret = secret.replace(placeholder, value)
        for command in (secret, checkout):
            self.cluster.run("sh", "-c", command)
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "company-ca", "namespace": NAMESPACE}}
        self.cluster.apply({**config, "data": {"ca.crt": self.aws.certificate}})

    def install(self, tag: str = "e2e-1", variables: Mapping[str, str] = NONE, **values: Any) -> None:
        """Runs the documented command, with the values of this environment, and these variables and values."""
        [command] = (command for command in self.commands if command.startswith("helm upgrade"))
        text = json.dumps(self._values(tag, variables) | values)
        try:
            self.cluster.run(*shlex.split(command), "-f", "-", "--timeout", "4m", text=text, seconds=400)
        except AssertionError as error:
            problem = f"{error}\n{self.cluster.describe(NAMESPACE)}\n{self.aws.state()}"
            raise AssertionError(problem) from None

    def _values(self, tag: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """The images, and how to reach and trust the stand-in."""
        variables = {**dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), f"{CA}/ca.crt"), **variables}
        return {
            "image": {"tag": tag, "pullPolicy": "IfNotPresent"},
            "hostAliases": [{"ip": self.aws.address(), "hostnames": list(objects.HOSTS)}],
            "extraEnv": [{"name": name, "value": value} for name, value in variables.items()],
            "extraVolumes": [{"name": "company-ca", "configMap": {"name": "company-ca"}}],
            "extraVolumeMounts": [{"name": "company-ca", "mountPath": CA, "readOnly": True}],
        }

    def target(self) -> Target:
        """The release as a receiver of events."""
        webhook = f"{NAME}-webhook.{NAMESPACE}:8086"
        return Target(self.cluster, webhook, self.aws.webhook_secret, self.aws.records)

    def credentials(self, component: str) -> int:
        """How many credentials a component's role has got."""
        return int(self.aws.state()["issued"][objects.role(component)])

    def pods(self, component: str) -> list[Any]:
        """The pods of a component that are not ending."""
        selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
        pods = self.cluster.get("-n", NAMESPACE, "pods", "-l", selector)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def restart(self, *components: str) -> None:
        """Restarts the services and waits until all their pods are new and ready."""
        names = [f"deployment/{NAME}-{component}" for component in components]
        self.cluster.kubectl("-n", NAMESPACE, "rollout", "restart", *names)
        self.cluster.rollout(NAMESPACE, *names)
