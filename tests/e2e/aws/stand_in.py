"""Starts the stand-in for AWS and Stripe in the cluster and reads what it has seen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.aws import objects
from tests.e2e.aws.permissions import documented_permissions
from tests.e2e.cluster import Cluster
from tests.e2e.load.records import Records, records
from tests.support.secrets import signing_secret

SUBJECT = "system:serviceaccount:payments:lea-payments-{}"
WEBHOOK = "http://lea-payments-webhook.payments:8086/webhook/stripe"
TABLE = "lea-payments-staging"


class Aws:
    """The stand-in: a pod on the control plane, so that no drain of a worker ends it."""

    def __init__(self, cluster: Cluster, document: Path, folder: Path) -> None:
        self.cluster = cluster
        self.webhook_secret = signing_secret("staging")
        self.certificate, self._key = objects.create_certificate(folder)
        self._permissions = documented_permissions(document.read_text())

    def start(self) -> None:
        """Starts it, in place of one that an earlier run left."""
        keys = self.cluster.kubectl("get", "--raw", "/openid/v1/jwks")
        files = objects.files(self._permissions, keys, SUBJECT)
        registration = objects.admission(self.certificate)
        self.cluster.kubectl("delete", "--ignore-not-found", f"mutatingwebhookconfiguration/{objects.NAME}")
        self.cluster.kubectl("delete", "--ignore-not-found", "namespace", objects.NAMESPACE)
        self.cluster.apply(*objects.objects(files, (self.certificate, self._key), WEBHOOK, self.webhook_secret))
        self.cluster.kubectl(
            *("-n", objects.NAMESPACE, "wait", "--for=condition=Ready", f"pod/{objects.NAME}", "--timeout=180s")
        )
        self.cluster.apply(registration)

    def address(self) -> str:
        """The IP address of its Service."""
        return str(self.cluster.get("-n", objects.NAMESPACE, "service", objects.NAME)["spec"]["clusterIP"])

    def state(self) -> Any:
        """How many credentials each role got, the actions that were allowed, and the calls that were refused."""
        path = f"/api/v1/namespaces/{objects.NAMESPACE}/pods/https:{objects.NAME}:443/proxy/state"
        return json.loads(self.cluster.kubectl("get", "--raw", path))

    @contextmanager
    def records(self) -> Iterator[Records]:
        """The table, past the stand-in."""
        with (
            self.cluster.forward(objects.NAMESPACE, f"pod/{objects.NAME}", 8000) as address,
            records(address, TABLE) as table,
        ):
            yield table
