"""Changes pods at their admission as the platforms do: the roles of EKS and the users of OpenShift."""

import base64
import json
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.aws import user_range

ROLES_PATH, USERS_PATH = "/mutate-roles", "/mutate-users"
ROLE = "eks.amazonaws.com/role-arn"
MOUNT = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
VOLUME = "aws-iam-token"
TOKEN_SECONDS = 86400
OWN_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def annotations_of(namespace: str, account: str) -> Mapping[str, str]:
    """The annotations of a ServiceAccount, from the API server."""
    context = ssl.create_default_context(cafile=str(OWN_ACCOUNT / "ca.crt"))
    request = urllib.request.Request(
        f"https://kubernetes.default.svc/api/v1/namespaces/{namespace}/serviceaccounts/{account}",
        headers={"Authorization": f"Bearer {(OWN_ACCOUNT / 'token').read_text()}"},
    )
    with urllib.request.urlopen(request, timeout=5, context=context) as response:  # noqa: S310 - the URL is above
        return dict(json.load(response)["metadata"].get("annotations", {}))


def with_role(pod: dict[str, Any], role: str, region: str) -> None:
    """Adds what EKS's pod identity webhook adds: the variables, and the token as a file."""
    variables = {
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{MOUNT}/token",
    }
    token = {"audience": "sts.amazonaws.com", "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    projected = {"sources": [{"serviceAccountToken": token}]}
    pod["spec"].setdefault("volumes", []).append({"name": VOLUME, "projected": projected})
    for container in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]):
        present = {variable["name"] for variable in container.setdefault("env", [])}
        container["env"] += [{"name": name, "value": variables[name]} for name in variables.keys() - present]
        mount = {"name": VOLUME, "mountPath": MOUNT, "readOnly": True}
        container.setdefault("volumeMounts", []).append(mount)


def review(path: str, request: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """The answer to an AdmissionReview of a pod."""
    pod, uid = request["object"], request["uid"]
    if path.startswith(USERS_PATH):
        problem = user_range.problem(pod)
        if problem is not None:
            return {"uid": uid, "allowed": False, "status": {"message": problem, "code": 403}}
        user_range.assign(pod)
    else:
        role = annotations_of(request["namespace"], pod["spec"].get("serviceAccountName", "default")).get(ROLE)
        if role is None:
            return {"uid": uid, "allowed": True}
        with_role(pod, role, region)
    patch = json.dumps([{"op": "replace", "path": "/spec", "value": pod["spec"]}])
    encoded = base64.b64encode(patch.encode()).decode()
    return {"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": encoded}
