"""Sells a policy as an agent does: a link by a tool, the payment, the notification of the agent's system, the page."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.docs.documents import ROOT, blocks
from tests.e2e.cluster import Cluster, build
from tests.e2e.conftest import TAGS
from tests.e2e.load.events import OUTSIDE
from tests.e2e.release import NAMESPACE, Release
from tests.support.mcp_server import http_client, link_arguments, payment_in
from tests.support.notifications import notify_secret
from tests.support.waiting import until

IMAGE = f"lea-payments-mcp:{TAGS[0]}"
AGENT_TOKEN = "token-of-the-agent-of-the-cluster"
SECRET = notify_secret("cluster")
(EXAMPLE,) = [
    block.text
    for block in blocks(ROOT / "docs" / "guide.md")
    if block.language == "python" and "NOTIFY_SECRET" in block.text
]
RECEIVER = {"app": "receiver"}
VALUES = {
    "notifier": {
        "enabled": True,
        "existingSecret": "lea-notifier",
        "allowHttp": True,
        "endpoints": [{"name": "agent", "url": f"http://receiver.{OUTSIDE}:3000/"}],
        "extraEgress": [
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OUTSIDE}},
                        "podSelector": {"matchLabels": RECEIVER},
                    }
                ],
                "ports": [{"port": 3000}],
            }
        ],
    },
    "mcp": {
        "enabled": True,
        "existingSecret": "lea-mcp",
        "image": {"tag": TAGS[0]},
        "maxAmount": {"SGD": 500000},
        "hourlyAmount": {"SGD": 50000000},
    },
}


def receiver() -> list[dict[str, Any]]:
    """The receiver of the guide in a pod of its own, which listens on all addresses of the pod."""
    code = EXAMPLE.replace('"127.0.0.1"', '"0.0.0.0"')
    metadata = {"name": "receiver", "namespace": OUTSIDE, "labels": RECEIVER}
    container = {
        "name": "receiver",
        "image": f"lea-payments:{TAGS[0]}",
        "command": ["python", "-c", code],
        "env": [{"name": "NOTIFY_SECRET", "value": SECRET}, {"name": "DATABASE", "value": "/tmp/payments.db"}],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "readinessProbe": {"tcpSocket": {"port": 3000}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {"requests": {"cpu": "10m"}},
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [container],
    }
    service = {"selector": RECEIVER, "ports": [{"port": 3000}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]


def secret(name: str, values: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


@pytest.fixture(scope="module")
def conversation(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The release with the notifier and the tools, and a receiver in another namespace."""
    cluster = release.cluster
    cluster.load(build("mcp", IMAGE))
    cluster.create_namespace(OUTSIDE)
    tokens = {
        "MCP_TOKEN": AGENT_TOKEN,
        "MCP_STATE_SECRET": "a-state-secret-of-more-than-32-characters",
        "PAYMENTS_API_TOKEN": release.secret("apiToken"),
    }
    cluster.apply(*receiver(), secret("lea-mcp", tokens), secret("lea-notifier", {"NOTIFY_SECRET": f"agent={SECRET}"}))
    cluster.kubectl("-n", OUTSIDE, "wait", "--for=condition=Ready", "pod/receiver", "--timeout=120s")
    values = tmp_path_factory.mktemp("values") / "conversation.json"
    values.write_text(json.dumps(VALUES))
    release.change("-f", str(values))
    yield release
    release.change("--set", "notifier.enabled=false,mcp.enabled=false")
    cluster.kubectl("-n", OUTSIDE, "delete", "pod/receiver", "service/receiver")
    cluster.kubectl("-n", NAMESPACE, "delete", "secret/lea-mcp", "secret/lea-notifier")


def received(cluster: Cluster, payment_id: str) -> list[str]:
    """The states of a payment that the receiver has acted on."""
    lines = cluster.kubectl("-n", OUTSIDE, "logs", "pod/receiver").splitlines()
    return [line.partition(" ")[2].partition(" ")[0] for line in lines if line.startswith(f"{payment_id} ")]


async def sell(mcp: str, pay: Callable[[str], None]) -> tuple[Any, Any]:
    """Creates a link, lets the customer pay, and waits: the payment before and after."""
    async with http_client(mcp, token=AGENT_TOKEN) as agent:
        created = payment_in(await agent.call_tool("create_payment_link", link_arguments()))
        await asyncio.to_thread(pay, session_of(created))
        query = {"payment_id": created["payment_id"], "wait_seconds": 25, "after_version": created["version"]}
        return created, payment_in(await agent.call_tool("payment_status", query))


def session_of(created: Any) -> str:
    """The session in a payment's link."""
    return str(created["link"]).rpartition("/")[2]


def test_the_agent_sells_and_its_system_knows(conversation: Release) -> None:
    with conversation.at("mcp", "/readyz") as mcp, conversation.at("emulator", "/health") as emulator:

        def pay(session: str) -> None:
            card = {"card": "4242424242424242"}
            httpx.post(f"{emulator}/_pay/{session}", json=card, timeout=30).raise_for_status()

        created, paid = asyncio.run(sell(mcp, pay))

    assert paid["status"] == "completed"
    until(lambda: "completed" in received(conversation.cluster, created["payment_id"]), "the notification")
    with conversation.at("pages", "/readyz") as pages:
        page = httpx.get(f"{pages}/success", params={"session_id": session_of(created)})
    assert "Payment received" in page.text


def test_a_call_without_the_token_is_refused(conversation: Release) -> None:
    with conversation.at("mcp", "/readyz") as mcp:
        answer = httpx.post(f"{mcp}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, timeout=30)

    assert answer.status_code == 401


def test_neither_service_reaches_what_it_does_not_need(conversation: Release) -> None:
    cluster = conversation.cluster
    host = {name: f"{conversation.service(name)}.{NAMESPACE}" for name in ("checkout", "dynamodb", "webhook")}
    notifier, mcp = (conversation.running_pod(name) for name in ("notifier", "mcp"))

    assert cluster.connects(NAMESPACE, notifier, f"receiver.{OUTSIDE}", 3000)
    assert cluster.connects(NAMESPACE, notifier, host["dynamodb"], 8000)
    assert not cluster.connects(NAMESPACE, notifier, host["checkout"], 8084)
    assert not cluster.connects(NAMESPACE, notifier, "1.1.1.1", 443)
    assert cluster.connects(NAMESPACE, mcp, host["checkout"], 8084)
    assert not cluster.connects(NAMESPACE, mcp, host["dynamodb"], 8000)
    assert not cluster.connects(NAMESPACE, mcp, "1.1.1.1", 443)
