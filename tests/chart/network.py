"""What the NetworkPolicies of a release allow, worked out as a cluster's network would; no packet is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chart.rendered import NAMESPACE, Rendered


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside of the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE
    outside: bool = False


def pod(release: Rendered, component: str) -> End:
    """A pod of the release."""
    return End(release.pods()[component]["metadata"]["labels"])


STRANGER = End({"app": "stranger"})
ELSEWHERE = End({"app": "stranger"}, "elsewhere")
PROMETHEUS = End({"app": "prometheus"}, "monitoring")
DNS = End({"k8s-app": "kube-dns"}, "kube-system")
INTERNET = End(outside=True)


def allowed(release: Rendered, source: End, target: End, port: int) -> bool:
    """Whether a connection may leave its source and come in at its target."""
    return _passes(release, "egress", source, target, port) and _passes(release, "ingress", target, source, port)


def _passes(release: Rendered, way: str, selected: End, peer: End, port: int) -> bool:
    if selected.outside or selected.namespace != NAMESPACE:
        return True
    policies = [
        found["spec"]
        for found in release.of("NetworkPolicy").values()
        if _matches(found["spec"]["podSelector"], selected.labels) and way.title() in found["spec"]["policyTypes"]
    ]
    rules = [rule for policy in policies for rule in policy.get(way) or []]
    return not policies or any(_rule_allows(rule, way, peer, port) for rule in rules)


def _rule_allows(rule: Mapping[str, Any], way: str, peer: End, port: int) -> bool:
    ports = [one["port"] for one in rule.get("ports", [])]
    peers = rule.get("to" if way == "egress" else "from")
    return (not ports or port in ports) and (not peers or _any_is(peers, peer))


def _any_is(peers: Iterable[Mapping[str, Any]], peer: End) -> bool:
    for one in peers:
        if "ipBlock" in one:
            if peer.outside and one["ipBlock"]["cidr"] == "0.0.0.0/0":
                return True
            continue
        namespace = one.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}})
        if (
            not peer.outside
            and _matches(namespace, {"kubernetes.io/metadata.name": peer.namespace})
            and _matches(one.get("podSelector", {}), peer.labels)
        ):
            return True
    return False


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "only matchLabels is worked out here"
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
