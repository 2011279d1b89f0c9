"""Checks that an install names at once what the cluster lacks, and asks for nothing that it need not know."""

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest

from tests.chart.refusals.cluster_stub import (
    GATEWAY_API,
    PROMETHEUS_OPERATOR,
    Cluster,
    install,
    kubeconfig,
    looked_up,
    notes,
    served,
)
from tests.chart.refusals.helm_programs import PROGRAMS
from tests.chart.rendered import CHART, NAMESPACE, RELEASE, Object, Values, ci, merged, render
from tests.support.examples import examples

NO_ACCOUNT = {"webhook": {"serviceAccount": {"create": False, "name": "made-elsewhere"}}}
CLUSTER = {"preflight": "cluster"}


def existing(kind: str, name: str, version: str = "v1", release: str = RELEASE, **fields: Any) -> Object:
    """An object of this release."""
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": NAMESPACE}
    metadata = {"name": name, "namespace": NAMESPACE, "annotations": annotations}
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata | {"labels": labels}, **fields}


def secret(name: str, *keys: str, value: str = "x") -> Object:
    return existing("Secret", name, data={key: base64.b64encode(value.encode()).decode() for key in keys})


def table(size: str, storage_class: str | None = None, name: str = "lea-payments-dynamodb") -> Object:
    claim = {"resources": {"requests": {"storage": size}}} | (
        {"storageClassName": storage_class} if storage_class else {}
    )
    return existing("StatefulSet", name, "apps/v1", spec={"volumeClaimTemplates": [{"spec": claim}]})


def webhook(**labels: str) -> Object:
    usual = {
        "app.kubernetes.io/name": "lea-payments",
        "app.kubernetes.io/instance": "lea-payments",
        "app.kubernetes.io/component": "webhook",
    }
    return existing("Deployment", "lea-payments-webhook", "apps/v1", spec={"selector": {"matchLabels": usual | labels}})


def storage(size: str, storage_class: str = "") -> Values:
    return {"dynamodb": {"local": {"persistence": {"size": size, "storageClass": storage_class}}}}


NAMESPACED = existing("ServiceAccount", "default")
KUBE_SYSTEM = existing("Namespace", "kube-system")
STRIPE, CHECKOUT = secret("my-stripe", "signing", "key"), secret("my-checkout", "token")
OTHER_NAME = webhook(**{"app.kubernetes.io/name": "payments"})

REFUSED: Mapping[str, tuple[str, Values, list[Object], str]] = {
    "monitor": (
        *("telemetry", {}, []),
        "serviceMonitor.enabled is true, but the cluster does not know monitoring.coreos.com/v1/ServiceMonitor",
    ),
    "rule": ("telemetry", {}, [], "or set prometheusRule.enabled to false"),
    "route": ("httproute", {}, [], "install the CRDs of Gateway API first, or set webhook.httpRoute.enabled to false"),
    "pages-route": ("httproute", {}, [], "or set pages.httpRoute.enabled to false"),
    "secrets": (
        *("sandbox", {}, []),
        "kubectl create secret generic my-stripe --namespace lea --from-literal=key=rk_... --from-literal=signing=",
    ),
    "tokens": ("sandbox", {}, [STRIPE], "--from-literal=token=$(openssl rand -hex 32)"),
    "key": (
        *("sandbox", {}, [secret("my-stripe", "signing"), CHECKOUT]),
        """kubectl patch secret my-stripe --namespace lea --patch '{"stringData": {"key": "rk_..."}}'""",
    ),
    "empty-key": ("sandbox", {}, [secret("my-stripe", "signing", "key", value=""), CHECKOUT], "has no key signing, or"),
    "emulator-secret": ("emulator-secret", {}, [], "--from-literal=STRIPE_WEBHOOK_SECRET=whsec_..."),
    "reconciler-secret": (
        *("sandbox", {"reconciler": {"existingSecret": "my-reconciler"}}, [STRIPE, CHECKOUT]),
        "Secret my-reconciler does not exist. Create it",
    ),
    "notifier-secret": ("notifier", {}, [], "--from-literal=signing=whsec_$(openssl rand -base64 32)"),
    "mcp-secret": ("mcp", {}, [], "create secret generic my-mcp --namespace lea --from-literal=MCP_STATE_SECRET="),
    "account": (
        "emulator",
        NO_ACCOUNT,
        [],
        "the ServiceAccount made-elsewhere does not exist. Create it (kubectl create",
    ),
    "size": (
        *("emulator", storage("2Gi"), [table("1Gi")]),
        "dynamodb.local.persistence.size is 2Gi, but the volume of lea-payments-dynamodb has 1Gi, which Kubernetes",
    ),
    "smaller": ("emulator", storage("512Mi"), [table("1Gi")], "persistence.size is 512Mi, but the volume of"),
    "storage-class": ("emulator", storage("1Gi", "fast"), [table("1Gi")], 'storageClass is "fast", but the volume'),
    "no-storage-class": ("emulator", storage("1Gi"), [table("1Gi", "fast")], 'storageClass is "", but the volume'),
    "name": ("emulator", {}, [OTHER_NAME], "by app.kubernetes.io/name payments, which Kubernetes cannot change"),
    "priority": ("emulator", {**CLUSTER, "priorityClassName": "high"}, [KUBE_SYSTEM], "no PriorityClass of that name"),
    "own-priority": (
        *("emulator", {**CLUSTER, "webhook": {"priorityClassName": "high"}}, [KUBE_SYSTEM]),
        "webhook.priorityClassName is high, but",
    ),
    "no-class": ("emulator", {**CLUSTER, **storage("1Gi", "fast")}, [KUBE_SYSTEM], "no StorageClass of that name"),
    "ingress-class": ("ingress", CLUSTER, [KUBE_SYSTEM], "webhook.ingress.className is public, but the cluster has no"),
}

ACCEPTED: Mapping[str, tuple[str, Values, Cluster]] = {
    "empty": ("emulator", {}, Cluster()),
    "operators": ("telemetry", {}, Cluster(operators=PROMETHEUS_OPERATOR)),
    "gateway": ("httproute", {}, Cluster(operators=GATEWAY_API)),
    "secrets": ("sandbox", {}, Cluster([NAMESPACED, STRIPE, CHECKOUT])),
    "no-namespace-yet": ("sandbox", {}, Cluster()),
    "secrets-come-later": ("sandbox", {"preflight": "none"}, Cluster([NAMESPACED])),
    "nothing-readable": (
        "sandbox",
        {"preflight": "none"},
        Cluster(forbidden=frozenset({"secrets"})),
    ),
    "no-classes-readable": (
        *("emulator", {"priorityClassName": "high"}),
        Cluster(forbidden=frozenset({"priorityclasses", "namespaces"})),
    ),
    "same-size": ("emulator", storage("1024Mi"), Cluster([table("1Gi")])),
    "same-odd-size": ("emulator", storage("0.1Gi"), Cluster([table("107374182400m")])),
    "same-labels": ("emulator", {}, Cluster([webhook()])),
    "account": ("emulator", NO_ACCOUNT, Cluster([NAMESPACED, existing("ServiceAccount", "made-elsewhere")])),
    "classes": (
        *("emulator", {**CLUSTER, "priorityClassName": "high"}),
        Cluster([KUBE_SYSTEM, existing("PriorityClass", "high", "scheduling.k8s.io/v1")]),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_cluster_lacks_is_named_at_once(case: str) -> None:
    start, values, objects, sentence = REFUSED[case]

    with pytest.raises(helm.HelmError, match="the cluster is not ready for this release") as refusal:
        install(Cluster([NAMESPACED, *objects]), merged(ci(start), values))

    assert sentence in str(refusal.value)


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_cluster_that_has_everything_is_accepted(case: str) -> None:
    start, values, cluster = ACCEPTED[case]

    assert "kind: Deployment" in install(cluster, merged(ci(start), values))


@pytest.mark.parametrize("case", list(REFUSED)[:: examples(4, 1)])
def test_without_a_cluster_nothing_is_asked(case: str) -> None:
    """As in `helm template`, which knows neither kinds nor objects."""
    start, values, *_ = REFUSED[case]

    assert list(render(merged(ci(start), values)))


@pytest.mark.parametrize("case", list(REFUSED)[:: examples(4, 1)])
def test_the_checks_can_be_turned_off(case: str) -> None:
    start, values, objects, _ = REFUSED[case]
    operators = {**PROMETHEUS_OPERATOR, **GATEWAY_API}

    assert install(Cluster([NAMESPACED, *objects], operators), merged(merged(ci(start), values), {"preflight": "none"}))


def test_nothing_is_read_that_need_not_be_known() -> None:
    """Who installs may lack the right to read it, and Helm ends with an error then."""
    always = {"deployments/lea-payments-webhook", "statefulsets/lea-payments-dynamodb"}
    secrets = {"secrets/my-stripe", "secrets/my-checkout", "serviceaccounts/default"}

    assert looked_up(Cluster([NAMESPACED]), ci("emulator")) == always
    assert looked_up(Cluster([NAMESPACED, STRIPE, CHECKOUT]), ci("sandbox")) == always | secrets
    assert looked_up(Cluster([NAMESPACED]), merged(ci("sandbox"), {"preflight": "none"})) == set()


def test_a_release_keeps_the_cut_names_that_it_has() -> None:
    """Versions before 0.2.0 cut long names without a hash. Only the release's own objects count."""
    name = "payments-preview-feature-jira-1234-customer-page-a"
    cut = f"{name[:46]}-webhook"
    own, of_another = (existing("Service", cut, release=one) for one in (name, f"{name[:-1]}b"))
    cluster = Cluster([own])

    assert f'name: "{cut}"' in install(cluster, ci("emulator"), name)
    assert cluster.requests.count(f"/api/v1/namespaces/{NAMESPACE}/services/{cut}") <= 2, "once here, once by Helm"
    assert f'name: "{cut}"' not in install(Cluster([of_another]), ci("emulator"), name)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("values", ["sandbox", "telemetry"])
def test_every_helm_names_what_the_cluster_lacks(program: str, values: str, tmp_path: Path) -> None:
    file = str(CHART / "ci" / f"{values}-values.yaml")
    command = [program, "install", RELEASE, str(CHART), "-n", NAMESPACE, "-f", file, "--dry-run=server"]

    with served(Cluster([NAMESPACED])) as address:
        (tmp_path / "kubeconfig").write_text(kubeconfig(address))
        environment = {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")}
        finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert finished.returncode != 0
    assert "the cluster is not ready for this release" in finished.stderr


def test_a_missing_certificate_is_a_warning() -> None:
    """cert-manager creates it after the Ingress."""
    warning = "the Secret webhook-tls of webhook.ingress.tlsSecret does not exist yet"

    assert warning in notes(Cluster([NAMESPACED]), ci("ingress"))
    assert warning not in notes(Cluster([NAMESPACED, secret("webhook-tls", "tls.crt")]), ci("ingress"))
    assert warning not in render(ci("ingress")).notes


@pytest.mark.parametrize(
    ("public_url", "host", "is_warned"),
    [
        ("https://pay.example.com", "pay.example.com", False),
        ("https://pay.example.com:8443", "pay.example.com", False),
        ("https://eu.pay.example.com", "*.pay.example.com", False),
        ("https://pay.example.com", "*.pay.example.com", True),
        ("https://pay.example.org", "pay.example.com", True),
    ],
)
def test_a_public_url_beside_the_host_is_a_warning(public_url: str, host: str, is_warned: bool) -> None:
    """Something in front of the ingress may know both names, so it is no error."""
    pages = {"publicUrl": public_url, "ingress": {"enabled": True, "host": host}}

    assert ("Warning: pages.publicUrl leads" in render(merged(ci("emulator"), {"pages": pages})).notes) == is_warned
