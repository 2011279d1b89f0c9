"""The objects of the stand-in for AWS and Stripe: a pod, its Service, and the webhook that the API server calls."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.e2e.aws.admission import ROLES_PATH, USERS_PATH
from tests.e2e.aws.permissions import Permissions
from tests.e2e.cluster import ON_CONTROL_PLANE

NAMESPACE, NAME = "aws", "aws"
REGION = "ap-southeast-1"
ACCOUNT = "123456789012"
AWS = f"{REGION}.amazonaws.com"
HOSTS = (f"dynamodb.{AWS}", f"sts.{AWS}", "api.stripe.com")
"""The hosts of all calls: a proxy or a firewall has to allow no others."""

COMPONENT = "app.kubernetes.io/component"
ROLES, USERS = "e2e/roles", "e2e/users"
"""The labels of the namespaces whose pods get roles, and users."""


def create_certificate(folder: Path) -> tuple[str, str]:
    """A certificate for all hosts, which is its own CA, and its key. Needs openssl."""
    names = ",".join(f"DNS:{host}" for host in (*HOSTS, f"{NAME}.{NAMESPACE}.svc"))
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subject = ["-subj", "/CN=aws", "-addext", f"subjectAltName={names}"]
    subprocess.run(["openssl", "req", *kind, *subject, *files], check=True, capture_output=True)
    return (folder / "certificate.pem").read_text(), (folder / "key.pem").read_text()


def role(component: str) -> str:
    """The role of a component in values-staging.yaml."""
    return f"arn:aws:iam::{ACCOUNT}:role/lea-payments-staging-{component}"


def files(permissions: Mapping[str, Permissions], keys: str, subject: str) -> Mapping[str, str]:
    """The stand-in's files: policies, who may assume the roles, and the keys of the cluster's tokens."""
    policies = {role(name): allowed._asdict() for name, allowed in permissions.items()}
    trust = {role(name): subject.format(name) for name in permissions}
    return {"policies.json": json.dumps(policies), "trust.json": json.dumps(trust), "keys.json": keys}


def objects(
    files: Mapping[str, str], certificate: tuple[str, str], webhook: str, webhook_secret: str
) -> Iterator[Mapping[str, Any]]:
    """All objects, in the order in which they are created; `webhook` is the URL that Stripe's events go to."""
    modules = [path for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith("test_")]
    code = {path.name: path.read_text() for path in modules}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield _object("v1", "ServiceAccount")
    yield _object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        rules=[{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]}],
    )
    yield _object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
        subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    )
    yield _object("v1", "ConfigMap", "code", data=code)
    tls = {"certificate.pem": certificate[0], "key.pem": certificate[1]}
    yield _object("v1", "Secret", "files", stringData={**files, **tls})
    ports = [{"name": "https", "port": 443}]
    yield _object("v1", "Service", spec={"selector": {"app": NAME}, "ports": ports})
    yield _pod(webhook, webhook_secret)


def admission(certificate: str) -> Mapping[str, Any]:
    """The registration of the admission webhooks, for when the pod is ready."""
    ca = base64.b64encode(certificate.encode()).decode()
    # DynamoDB Local starts as the user of its image only: on OpenShift its ServiceAccount needs another constraint.
    others = {"matchExpressions": [{"key": COMPONENT, "operator": "NotIn", "values": ["dynamodb"]}]}
    users = {**_webhook(USERS_PATH, USERS, ca), "objectSelector": others}
    webhooks = [_webhook(ROLES_PATH, ROLES, ca), users]
    return _object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", webhooks=webhooks)


def _webhook(path: str, label: str, ca: str) -> Mapping[str, Any]:
    service = {"name": NAME, "namespace": NAMESPACE, "path": path}
    return {
        "name": f"{path.lstrip('/')}.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"service": service, "caBundle": ca},
        "namespaceSelector": {"matchLabels": {label: "true"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }


def _object(version: str, kind: str, name: str = NAME, **fields: Any) -> Mapping[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": NAME}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _pod(webhook: str, webhook_secret: str) -> Mapping[str, Any]:
    stand_in = {
        "name": "aws",
        "image": "lea-payments:e2e-1",
        "command": ["python", "-m", "tests.e2e.aws.server"],
        "env": _variables({"PYTHONPATH": "/code", "STAND_IN_FILES": "/files", "AWS_REGION": REGION}),
        "readinessProbe": {"tcpSocket": {"port": 443}, "periodSeconds": 1, "failureThreshold": 60},
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "volumeMounts": [
            {"name": "code", "mountPath": "/code/tests/e2e/aws"},
            {"name": "files", "mountPath": "/files"},
        ],
    }
    dynamodb = {
        "name": "dynamodb",
        "image": "amazon/dynamodb-local:3.1.0",
        "workingDir": "/home/dynamodblocal",
        "args": ["-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-sharedDb", "-inMemory"],
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1, "failureThreshold": 60},
    }
    emulator = {
        "name": "emulator",
        "image": "lea-payments-emulator:e2e-1",
        "env": _variables({"EMULATOR_WEBHOOK_URL": webhook, "EMULATOR_WEBHOOK_SECRET": webhook_secret}),
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8087}, "periodSeconds": 1, "failureThreshold": 60},
    }
    spec = {
        **ON_CONTROL_PLANE,
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
        "containers": [stand_in, dynamodb, emulator],
        "volumes": [
            {"name": "code", "configMap": {"name": "code"}},
            {"name": "files", "secret": {"secretName": "files"}},
        ],
    }
    return _object("v1", "Pod", spec=spec)


def _variables(values: Mapping[str, str]) -> list[Mapping[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]
